import { type ErrorCode, errorTable, HermesError, type Location, toHermesError } from '../errors.ts'

/** How an error travels: the body of every answer that is not a success. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly fix: string
    readonly at?: Location
  }
}

export function errorAnswer(error: HermesError): ErrorAnswer {
  const { code, message, fix, at } = error
  return { error: { code, message, fix, ...(at === undefined ? {} : { at }) } }
}

/** The error an answer carries; `service_absent` for one of somebody else, `internal` for a code of another version. */
export function errorFromAnswer(answer: unknown, status: number): HermesError {
  if (!isErrorAnswer(answer)) {
    return new HermesError('service_absent', `what answers there, with status ${status}, is not Hermes`, {
      fix: 'Correct --server, or look at what stands before the service.',
    })
  }
  const { code, message, fix, at } = answer.error
  const known = Object.hasOwn(errorTable, code) ? (code as ErrorCode) : 'internal'
  return new HermesError(known, message, { fix, ...(at === undefined ? {} : { at }) })
}

function isErrorAnswer(answer: unknown): answer is ErrorAnswer {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return false
  const { error } = answer
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error && 'fix' in error
}

const exactStatus: Partial<Record<ErrorCode, number>> = {
  unauthorized: 401,
  token_needed: 403,
  read_only_token: 403,
  webhook_encoded: 415,
  not_found: 404,
  webhook_off: 404,
  already_exists: 409,
  approval_stale: 409,
  plan_stale: 409,
  approval_needed: 409,
  prune_guard: 409,
  suspended: 409,
  webhook_too_large: 413,
  sync_window_denied: 409,
  internal: 500,
}

const statusByMove = { refused: 400, stalled: 422, retry: 503, note: 400 } as const

/** The HTTP status that fits an error: 4xx when asking again changes nothing, 503 when it may. */
export function statusOf(error: HermesError): number {
  return exactStatus[error.code] ?? statusByMove[error.next]
}

/** Any thrown value as an error to answer with; what the HTTP server itself refuses is `request_invalid`. */
export function toAnswerable(error: unknown): { readonly error: HermesError; readonly status: number } {
  if (error instanceof Error && 'statusCode' in error && !(error instanceof HermesError)) {
    const status = Number(error.statusCode)
    if (status >= 400 && status < 500) return { error: new HermesError('request_invalid', error.message), status }
  }
  const hermesError = toHermesError(error)
  return { error: hermesError, status: statusOf(hermesError) }
}
