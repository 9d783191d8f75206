import type { Dispatcher } from 'undici'
import { readBody } from './http-body.ts'
import { type Failure, failureOf } from './http-failure.ts'

/** One request on the wire. */
export interface WireRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  /** From the start of the request to the end of its answer; 0 is without limit. */
  readonly timeoutMs: number
  /** Of an answer that is a success; of others only the beginning is read. */
  readonly maxBytes: number
}

export type HeaderFields = Readonly<Record<string, string | readonly string[] | undefined>>

/** One answer, whatever its status. */
export interface Answer {
  readonly status: number
  readonly reason: string
  readonly headers: HeaderFields
  readonly body: Uint8Array
}

const ERROR_BODY_BYTES = 16_384
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Sends one request and reads its answer. A network failure is a value; only an abort throws, the signal's reason. */
export async function exchange(
  dispatcher: Dispatcher,
  request: WireRequest,
  signal: AbortSignal,
): Promise<Answer | Failure> {
  signal.throwIfAborted()
  const cancel = new AbortController()
  const onAbort = (): void => cancel.abort()
  const timer = request.timeoutMs > 0 ? setTimeout(onAbort, Math.min(request.timeoutMs, LONGEST_TIMER_MS)) : undefined
  signal.addEventListener('abort', onAbort, { once: true })
  let answered = false
  try {
    const response = await dispatcher.request({
      origin: request.url.origin,
      path: request.url.pathname + request.url.search,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      signal: cancel.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    answered = true
    return await read(request, response)
  } catch (error) {
    signal.throwIfAborted()
    return cancel.signal.aborted ? timeout(request.timeoutMs, answered) : failureOf(error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function timeout(timeoutMs: number, answered: boolean): Failure {
  const what = answered ? 'the answer did not end' : 'there was no answer'
  return { code: 'http_timeout', message: `${what} within ${timeoutMs / 1000} s`, sent: true }
}

async function read(request: WireRequest, response: Dispatcher.ResponseData): Promise<Answer | Failure> {
  const { statusCode: status, statusText: reason, headers } = response
  if (status < 200 || status > 299) {
    return { status, reason, headers, body: await beginning(response) }
  }
  const encoding =
    request.method === 'HEAD' || status === 204 || headers['content-length'] === '0' ? '' : encodingOf(headers)
  if (encoding === '' && Number(headers['content-length']) > request.maxBytes && request.method !== 'HEAD') {
    response.body.destroy()
    response.body.on('error', () => {})
    return tooLarge(request.maxBytes)
  }
  const body = await readBody(response.body, encoding, request.maxBytes)
  if (body.state === 'cut') return tooLarge(request.maxBytes)
  if (body.state === 'unknown_encoding') {
    const message = `the answer has the content-encoding ${body.encoding}, which nobody asked for`
    return { code: 'http_network', message, sent: true }
  }
  return { status, reason, headers, body: body.bytes }
}

function tooLarge(maxBytes: number): Failure {
  return { code: 'http_too_large', message: `the answer has more than ${maxBytes} bytes`, sent: true }
}

/** The beginning of an answer that is an error: for its message, so whatever goes wrong here does not count. */
async function beginning(response: Dispatcher.ResponseData): Promise<Uint8Array> {
  try {
    const body = await readBody(response.body, encodingOf(response.headers), ERROR_BODY_BYTES)
    return 'bytes' in body ? body.bytes : new Uint8Array()
  } catch {
    return new Uint8Array()
  }
}

function encodingOf(headers: HeaderFields): string {
  return String(headers['content-encoding'] ?? '')
}
