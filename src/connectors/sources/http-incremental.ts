import { HermesError } from '../../errors.ts'
import { parseDuration } from '../../manifest/duration.ts'
import type { IncrementalConfig } from './http-config.ts'

const DAY_MS = 86_400_000
const day = /^\d{4}-\d{2}-\d{2}$/
const time = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(\.\d+)?\s?(Z|[+-]\d{2}(:?\d{2})?)?$/
const integer = /^-?\d+$/

/**
 * The value of the incremental parameter: the cursor less the lookback, else `start`, else nothing.
 * A lookback of time applies to dates, times and integers that count seconds or milliseconds since 1970; a plain number
 * to integers. Throws `invalid_value` where it fits neither.
 */
export function incrementalValue(config: IncrementalConfig, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return config.start === undefined ? undefined : String(config.start)
  return written(lookedBack(cursor, config.lookback ?? 0), config.format)
}

function lookedBack(cursor: string, lookback: string | number): string {
  if (lookback === 0 || lookback === '0') return cursor
  if (integer.test(cursor)) return String(BigInt(cursor) - integerStep(BigInt(cursor), lookback))
  const ms = typeof lookback === 'string' ? parseDuration(lookback) : undefined
  if (ms !== undefined && day.test(cursor)) return earlierDay(cursor, ms)
  if (ms !== undefined && time.test(cursor)) return earlier(cursor, ms)
  throw new HermesError(
    'invalid_value',
    `incremental.lookback ${lookback} cannot be taken from ${JSON.stringify(cursor)}`,
  )
}

function earlierDay(cursor: string, ms: number): string {
  return new Date(Date.parse(cursor) - Math.ceil(ms / DAY_MS) * DAY_MS).toISOString().slice(0, 10)
}

const SECONDS_FROM = 10n ** 8n
const MILLISECONDS_FROM = 10n ** 11n

function integerStep(cursor: bigint, lookback: string | number): bigint {
  if (typeof lookback === 'number') return BigInt(lookback)
  const ms = parseDuration(lookback) ?? 0
  if (cursor >= MILLISECONDS_FROM) return BigInt(ms)
  if (cursor >= SECONDS_FROM) return BigInt(Math.ceil(ms / 1000))
  throw new HermesError(
    'invalid_value',
    `incremental.lookback ${lookback} is a time, but the cursor ${cursor} is none`,
    {
      fix: 'Give the lookback as a number.',
    },
  )
}

/** The digits below the millisecond stay as they are. */
function earlier(text: string, ms: number): string {
  const [, fraction = ''] = /\.(\d+)/.exec(text) ?? []
  const moved = new Date(instant(text) - ms).toISOString()
  return fraction.length > 3
    ? moved.replace('Z', `${fraction.slice(3)}Z`)
    : fraction === ''
      ? moved.replace('.000Z', 'Z')
      : moved
}

/** A time without a zone is UTC, as the tables have it. */
function instant(text: string): number {
  if (day.test(text)) return Date.parse(text)
  const iso = text.replace(' ', 'T').replace(/([+-]\d{2})$/, '$1:00')
  return Date.parse(/(Z|[+-]\d{2}:?\d{2})$/.test(iso.slice(10)) ? iso : `${iso}Z`)
}

function written(cursor: string, format: IncrementalConfig['format']): string {
  if (format === undefined || format === 'text') return cursor
  const ms = day.test(cursor) || time.test(cursor) ? instant(cursor) : Number.NaN
  if (Number.isNaN(ms)) {
    throw new HermesError(
      'invalid_value',
      `incremental.format ${format} needs a date or a time, not ${JSON.stringify(cursor)}`,
    )
  }
  switch (format) {
    case 'date':
      return new Date(ms).toISOString().slice(0, 10)
    case 'timestamp':
      return new Date(ms).toISOString()
    case 'unix':
      return String(Math.floor(ms / 1000))
    case 'unix_ms':
      return String(ms)
    default:
      return format satisfies never
  }
}
