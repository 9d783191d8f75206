import type { JsonSchema } from './kind.ts'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
type Unit = keyof typeof unitMs

/** What `format: duration` accepts in text: `500ms`, `30s`, `15m`, `1h30m`, `2d`, `1w`, `0`. */
export const durationPattern = '^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+)$'
const whole = new RegExp(durationPattern)
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g

/** The schema of a duration field; the number 0 needs no quotes. */
export const durationSchema = {
  type: ['string', 'integer'],
  format: 'duration',
  minimum: 0,
  maximum: 0,
  examples: ['30s', '15m', '1h', '2d'],
} as const satisfies JsonSchema

/** Milliseconds of a duration, or undefined when it is none. */
export function parseDuration(text: string | number): number | undefined {
  if (text === 0) return 0
  if (typeof text !== 'string' || text.length > 64 || !whole.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(part)) total += Number(amount) * unitMs[unit as Unit]
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined
}

/** Milliseconds of a duration that passed validation. Throws on anything else. */
export function durationMs(text: string | number): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new TypeError(`${JSON.stringify(text)} is not a duration`)
  return ms
}

/** Milliseconds as people write them, `1h30m`; `parseDuration` reads it back to the same number. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  let rest = ms
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const amount = Math.floor(rest / unitMs[unit])
    if (amount > 0) text += `${amount}${unit}`
    rest -= amount * unitMs[unit]
  }
  return text
}
