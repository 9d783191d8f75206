const LONGEST_MS = 24 * 3_600_000

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Milliseconds until the server wants to be asked again, at most a day; undefined when it names no time. */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const wait = read(headers['retry-after'], now)
  return wait === undefined ? undefined : Math.min(Math.max(Math.round(wait), 0), LONGEST_MS)
}

/** The same from the headers that rate limiters invented: seconds from now, or a time in seconds or milliseconds. */
export function rateLimitResetMs(headers: Headers, now: number): number | undefined {
  const value = first(headers['ratelimit-reset'] ?? headers['x-ratelimit-reset'] ?? headers['x-rate-limit-reset'])
  if (value === undefined || !/^\d+(\.\d+)?$/.test(value)) return undefined
  const number = Number(value)
  const wait = number > 1e11 ? number - now : number > 1e8 ? number * 1000 - now : number * 1000
  return Math.min(Math.max(Math.round(wait), 0), LONGEST_MS)
}

function read(header: string | readonly string[] | undefined, now: number): number | undefined {
  const value = first(header)?.trim()
  if (value === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : date - now
}

function first(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0]
}
