import { isRawNumber, rawNumber } from '../../lossless-json.ts'

/**
 * JSON text as PostgreSQL's jsonb keeps it, without blanks: of a key given twice the last, keys by length and bytes,
 * numbers without exponent. Text that is no JSON stays as it is.
 */
export function jsonbText(text: string): string {
  try {
    return write(parse(text, (_key, value, { source }) => numberOf(value, source)))
  } catch {
    return text
  }
}

/** Node's JSON hands each number's source to the reviver; the library types do not know it yet. */
const parse = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown

function numberOf(value: unknown, source: string | undefined): unknown {
  return typeof value === 'number' && source !== undefined ? rawNumber(expand(source)) : value
}

/** A JSON number as a numeric prints it: the exponent moves the point, zeros that were written stay. */
function expand(source: string): string {
  const [, sign = '', whole = '0', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
  const point = whole.length + Number(power)
  const scale = Math.max(0, fraction.length - Number(power))
  const digits = (whole + fraction).padEnd(point, '0')
  const head = point > 0 ? digits.slice(0, point).replace(/^0+(?=\d)/, '') : '0'
  const tail = scale === 0 ? '' : `.${point > 0 ? digits.slice(point) : digits.padStart(digits.length - point, '0')}`
  const isZero = !/[1-9]/.test(digits)
  return `${isZero ? '' : sign}${head}${tail}`
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return JSON.stringify(value)
  const entries = Object.entries(value).toSorted(([a], [b]) => compareKeys(a, b))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${write(each)}`).join(',')}}`
}

function compareKeys(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length - right.length || Buffer.compare(left, right)
}
