import type { ErrorCode } from '../errors.ts'
import type { Answer } from './http-exchange.ts'
import type { Failure } from './http-failure.ts'
import { rateLimitResetMs, retryAfterMs } from './retry-after.ts'

/** Why a request did not succeed, and whether it may be sent again at once. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly retryAfterMs?: number
  /** `always`: the server did not act on it · `repeatable`: if sending it twice does no harm · `never`: not now. */
  readonly again: 'always' | 'repeatable' | 'never'
}

/**
 * The problem of an exchange without an answer. A timeout is not tried again at once: it has cost its time already, and
 * the next run goes on where this one stands.
 */
export function failureProblem({ code, message, sent }: Failure): Problem {
  return { code, message, again: code === 'http_network' ? (sent ? 'repeatable' : 'always') : 'never' }
}

/** The problem of an answer that is no success; a named time to wait is for the scheduler, never slept here. */
export function statusProblem(answer: Answer, now: number, excerpt: string): Problem {
  const wait = retryAfterMs(answer.headers, now)
  const message = [`${answer.status} ${answer.reason}`.trim(), excerpt].filter((part) => part !== '').join(': ')
  if (isRateLimited(answer, wait)) {
    const resetMs = wait ?? rateLimitResetMs(answer.headers, now)
    return {
      code: 'http_rate_limited',
      message,
      again: 'never',
      ...(resetMs === undefined ? {} : { retryAfterMs: resetMs }),
    }
  }
  const code = codeOf(answer.status)
  if (code !== 'http_server_error' && code !== 'http_timeout') return { code, message, again: 'never' }
  if (wait !== undefined) return { code, message, again: 'never', retryAfterMs: wait }
  return { code, message, again: answer.status === 503 ? 'always' : 'repeatable' }
}

/** Some servers say 403 where they mean 429. */
function isRateLimited({ status, headers }: Answer, wait: number | undefined): boolean {
  return status === 429 || (status === 403 && (wait !== undefined || headers['x-ratelimit-remaining'] === '0'))
}

function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403 || status === 407) return 'http_unauthorized'
  if (status === 408) return 'http_timeout'
  return status >= 500 ? 'http_server_error' : 'http_client_error'
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Whether a request that came to this problem may be sent again. */
export function mayRepeat({ again }: Problem, method: string, repeatable: boolean): boolean {
  return again === 'always' || (again === 'repeatable' && (repeatable || idempotent.has(method)))
}

/** Milliseconds to wait before the next try: 250 ms doubling to 2 s, of which `random` in [0, 1] takes up to half off. */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(2_000, 250 * 2 ** (attempt - 1)) * (1 - random / 2)
}
