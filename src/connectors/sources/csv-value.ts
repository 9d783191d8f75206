import { rawNumber } from '../../lossless-json.ts'

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/**
 * A CSV field as a typed value where its text says nothing else: `12`, `-0.50` and `true` are a number and a boolean,
 * `007`, `+1` and `1e5` stay text. Digits that a double cannot hold are kept. Dates and times are text as in JSON.
 */
export function csvValue(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  if (!mayBeNumber(text) || !number.test(text)) return text
  const value = Number(text)
  if (Object.is(value, -0)) return text
  return String(value) === plain(text) ? value : rawNumber(text)
}

/** Cheap, for the many texts that are none: a digit or a minus sign in front. */
function mayBeNumber(text: string): boolean {
  const code = text.charCodeAt(0)
  return code === 45 || (code >= 48 && code <= 57)
}

/** Without the zeros that end a fraction. */
function plain(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
