/** What a host answered, as far as it says when to ask again. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

const LONGEST_MS = 24 * 3_600_000

/**
 * Milliseconds until the host wants to be asked again, at most a day: `Retry-After`, or the time at which a limit that
 * is used up begins anew. 0 when it names none.
 */
export function waitMs(answered: Answered, now: number): number {
  const wait = Math.max(retryAfterMs(first(answered.headers['retry-after']), now), resetMs(answered, now))
  return Math.min(Math.max(Math.ceil(wait), 0), LONGEST_MS)
}

function retryAfterMs(value: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1_000
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? 0 : date - now
}

/** GitHub and Gitea write `X-RateLimit-…`, GitLab `RateLimit-…`; all a time in seconds. */
function resetMs({ status, headers }: Answered, now: number): number {
  const remaining = first(headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining'])
  const reset = first(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'])
  const isUsedUp = remaining === '0' || (remaining === '' && status === 429)
  return isUsedUp && /^\d+$/.test(reset) ? Number(reset) * 1_000 - now : 0
}

function first(header: Answered['headers'][string]): string {
  return ((typeof header === 'string' ? header : header?.[0]) ?? '').trim()
}
