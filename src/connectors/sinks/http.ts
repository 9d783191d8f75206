import { createHash } from 'node:crypto'
import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import { durationMs, durationPattern } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import { pick } from '../../stream/batches.ts'
import type { Connector, HttpClient, HttpRequest } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { headerNamePattern, headersSchema } from '../http-headers.ts'
import { encodeJsonLines, LineBuffer } from './line-buffer.ts'

const config = {
  type: 'object',
  description:
    'Sends messages with POST or PUT, under the Connection: its address, credentials and limits. 2xx delivers. 400, ' +
    '404, 409, 413, 422 and other 4xx reject the messages of the request, with the beginning of the answer; 401, 403 ' +
    'and 407 are about the credentials and not about a message, so that they are tried again, as 408, 429, 5xx and a ' +
    'broken network are, not before the time that the server names. Each request carries an idempotency key that ' +
    'is the same whenever the same messages are sent again.',
  additionalProperties: false,
  'x-one-of': ['url', 'path'],
  properties: {
    url: {
      type: 'string',
      pattern: '^(https?://(?![^/?#\\s]*@)|\\$\\{)',
      'x-pattern-hint': 'an http:// or https:// address; user and password belong into auth of a Connection',
      'x-template': true,
      description: 'Absolute address.',
    },
    path: { type: 'string', 'x-template': true, description: "Path below the Connection's url." },
    method: { enum: ['POST', 'PUT'], default: 'POST' },
    body: {
      enum: ['array', 'lines', 'single'],
      default: 'array',
      description:
        'array: a JSON list of the batch. lines: one JSON value a line. single: one request for each message.',
    },
    splitRefused: {
      type: 'boolean',
      default: true,
      description:
        'A refused batch is sent again in halves until those messages are found that are refused by themselves. ' +
        'false: all messages of it are rejected. For servers that take a batch wholly or not at all.',
    },
    headers: { ...headersSchema, description: `Sent with each request. ${headersSchema.description}` },
    idempotencyHeader: {
      type: 'string',
      pattern: headerNamePattern,
      default: 'Idempotency-Key',
      description: 'Header that holds the idempotency key.',
    },
    timeout: {
      type: 'string',
      pattern: durationPattern,
      'x-pattern-hint': 'a duration such as 500ms or 1m',
      description: "Time for one request; left out: the Connection's, or 30s.",
    },
  },
} as const

export type HttpSinkConfig = FromSchema<typeof config>

export const httpSink: Connector<Sink, HttpSinkConfig> = {
  type: 'http',
  summary: 'An HTTP API, by POST or PUT.',
  config,
  maxInFlight: { standard: 8, withoutKey: false },
  open: async (settings, { http }) => new HttpSink(settings, http),
}

const MAX_ANSWER_BYTES = 1_048_576
/** Requests that look for refused messages, for one batch: a server that refuses all of them is not asked for each. */
const MAX_SPLITS = 64

class HttpSink implements Sink {
  readonly #config: HttpSinkConfig
  readonly #http: HttpClient

  constructor(settings: HttpSinkConfig, http: HttpClient) {
    this.#config = settings
    this.#http = http
  }

  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    signal.throwIfAborted()
    const rejections: Rejection[] = []
    const sendable = wellFormed(batch, rejections)
    if (this.#config.body !== 'single') await this.#sendSplit(batch, sendable, rejections, signal)
    else for (const index of sendable) refuse(rejections, [index], await this.#send(batch, [index], signal))
    return rejections.toSorted((a, b) => a.index - b.index)
  }

  /** Asks for the head of the address: any answer but a refusal of the credentials will do. */
  async ping(signal: AbortSignal): Promise<void> {
    const { headers = {} } = this.#config
    try {
      await this.#http.request({ ...this.#request(), method: 'HEAD', headers }, signal)
    } catch (error) {
      if (!(error instanceof HermesError) || error.code !== 'http_client_error') throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Sends what is refused in ever smaller parts; the order of what is taken stays. */
  async #sendSplit(batch: Batch, all: readonly number[], rejections: Rejection[], signal: AbortSignal): Promise<void> {
    const parts = all.length === 0 ? [] : [all]
    for (let sent = 0, part = parts.pop(); part !== undefined; part = parts.pop(), sent += 1) {
      const reason = await this.#send(batch, part, signal)
      const splits = this.#config.splitRefused && part.length > 1 && sent < MAX_SPLITS
      if (reason === undefined || !splits) refuse(rejections, part, reason)
      else parts.push(part.slice(part.length >> 1), part.slice(0, part.length >> 1))
    }
  }

  /** Why the server refuses the messages; undefined when it took them. Throws what may be tried again. */
  async #send(batch: Batch, indexes: readonly number[], signal: AbortSignal): Promise<string | undefined> {
    const { headers = {}, idempotencyHeader, body } = this.#config
    const messages = indexes.length === batch.size ? batch : pick(batch, indexes)
    const content = contentOf(messages, body)
    const type = body === 'lines' ? 'application/x-ndjson' : 'application/json'
    const key = keyOf(messages, content)
    try {
      const sent = { 'content-type': type, [idempotencyHeader]: key, ...headers }
      await this.#http.request({ ...this.#request(), headers: sent, body: content }, signal)
    } catch (error) {
      if (!(error instanceof HermesError)) throw error
      if (error.code === 'http_client_error' && isRefusal(error)) return error.message
      // The server took it; its answer is just longer than anybody wants to know.
      if (error.code !== 'http_too_large') throw error
    }
    return undefined
  }

  #request(): Omit<HttpRequest, 'headers' | 'body'> {
    const { url, path = '', method, timeout } = this.#config
    return {
      method,
      url: url ?? path,
      ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout) }),
      maxResponseBytes: MAX_ANSWER_BYTES,
      attempts: 1,
    }
  }
}

/** An answer of the server, and not a redirect or a header that could not be sent. */
function isRefusal({ message }: HermesError): boolean {
  return /^\S+ \S+: 4\d\d\b/.test(message)
}

function refuse(rejections: Rejection[], indexes: readonly number[], reason: string | undefined): void {
  if (reason !== undefined) for (const index of indexes) rejections.push({ index, reason })
}

/** Places of the messages that can be sent; the others are rejected. */
function wellFormed(batch: Batch, rejections: Rejection[]): readonly number[] {
  const indexes: number[] = []
  for (let index = 0; index < batch.size; index++) {
    const reason = faultOf(batch, index)
    if (reason === undefined) indexes.push(index)
    else rejections.push({ index, reason })
  }
  return indexes
}

/** A payload that is not JSON would spoil the whole list. */
function faultOf(batch: Batch, index: number): string | undefined {
  try {
    return batch.value(index) === undefined ? 'the payload is empty' : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const separator = Buffer.from(',')

function contentOf(batch: Batch, body: HttpSinkConfig['body']): Uint8Array {
  if (body === 'single') return batch.bytes(0)
  if (body === 'lines') {
    const lines = new LineBuffer()
    encodeJsonLines(batch, lines)
    return lines.bytes
  }
  const parts: Uint8Array[] = [Buffer.from('[')]
  for (let index = 0; index < batch.size; index++) {
    if (index > 0) parts.push(separator)
    parts.push(batch.bytes(index))
  }
  parts.push(Buffer.from(']'))
  return Buffer.concat(parts)
}

/** The same for the same messages: of their ids where each has one, else of the content. */
function keyOf(batch: Batch, content: Uint8Array): string {
  const digest = createHash('sha256')
  for (let index = 0; index < batch.size; index++) {
    const { id } = batch.meta(index)
    if (id === undefined) return createHash('sha256').update(content).digest('base64url')
    digest.update(`${id.length}:${id}`)
  }
  return digest.digest('base64url')
}
