import { HermesError } from '../../errors.ts'

/** A path with parts of the time in it, UTC: `%Y` year, `%m` month, `%d` day, `%H` hour, `%M` minute, `%%` a percent sign. */
export interface PathPattern {
  /** The path at a time, in milliseconds since the epoch. */
  at(ms: number): string
  /** A pattern that `glob` finds the paths of all times by. */
  readonly glob: string
  /** How often the path may change at most; undefined when it never does. */
  readonly unitMs: number | undefined
}

const part = /%(.?)/g
const units = { Y: 86_400_000, m: 86_400_000, d: 86_400_000, H: 3_600_000, M: 60_000 } as const
type Part = keyof typeof units

/** Throws `invalid_value` for a part that there is none of. */
export function pathPattern(text: string): PathPattern {
  const parts = [...text.matchAll(part)].map(([, name = '']) => name).filter((name) => name !== '%')
  const unknown = parts.find((name) => !(name in units))
  if (unknown !== undefined) {
    throw new HermesError('invalid_value', `%${unknown} in ${text} is no part of a time`, {
      fix: 'Use %Y, %m, %d, %H and %M, and %% for a percent sign.',
    })
  }
  return {
    at: (ms) => text.replace(part, (_whole, name: string) => partOf(name, new Date(ms))),
    glob: text
      .replaceAll(/[*?[\]{}()]/g, '[$&]')
      .replace(part, (_whole, name: string) => (name === '%' ? '%' : name === 'Y' ? digits(4) : digits(2))),
    unitMs: parts.length === 0 ? undefined : Math.min(...parts.map((name) => units[name as Part])),
  }
}

function digits(count: number): string {
  return '[0-9]'.repeat(count)
}

function partOf(name: string, date: Date): string {
  const iso = date.toISOString()
  switch (name) {
    case 'Y':
      return iso.slice(0, 4)
    case 'm':
      return iso.slice(5, 7)
    case 'd':
      return iso.slice(8, 10)
    case 'H':
      return iso.slice(11, 13)
    case 'M':
      return iso.slice(14, 16)
    default:
      return '%'
  }
}
