import { randomUUID } from 'node:crypto'
import { HermesError } from '../../errors.ts'
import type { InboundRequest, InboundRoutes } from '../../inbound-routes.ts'
import { durationMs } from '../../manifest/duration.ts'
import { type Batch, type Meta, noMeta, type Position } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Connector, Context } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { type Verify, verifierOf } from './webhook-auth.ts'
import { messagesIn } from './webhook-body.ts'
import { type WebhookConfig, webhookSchema } from './webhook-config.ts'
import { Intake } from './webhook-intake.ts'

/** What a webhook needs beside what all connectors may use. */
export interface WebhookContext extends Context {
  /** Absent where nothing listens. */
  readonly routes?: InboundRoutes
}

export const webhookSource: Connector<Source, WebhookConfig> & { readonly volatile: true } = {
  type: 'webhook',
  summary: "Messages that others send to the service's HTTP server.",
  config: webhookSchema,
  volatile: true,
  open: async (config, context: WebhookContext) => new WebhookSource(config, context),
}

/** Tells a batch from all others: numbers begin anew whenever the source is opened. */
interface WebhookPosition {
  readonly opened: string
  readonly batch: number
}

const LONGEST_ID = 256

/** Answers requests while it is read; `ack` is the 200 of all that a batch came from. */
class WebhookSource implements Source {
  readonly #config: WebhookConfig
  readonly #routes: InboundRoutes
  readonly #verify: Verify | undefined
  readonly #idHeader: string
  readonly #intake: Intake
  readonly #opened = randomUUID()
  readonly #closed = new AbortController()

  constructor(config: WebhookConfig, { routes, clock }: WebhookContext) {
    if (routes === undefined) {
      throw new HermesError('connector_refused', 'a webhook needs a service that listens', {
        fix: 'Run `hermes serve`, with --http ADDRESS when the senders are on other machines.',
      })
    }
    this.#config = config
    this.#routes = routes
    this.#verify = verifierOf(config)
    this.#idHeader = config.idempotencyHeader.toLowerCase()
    this.#intake = new Intake({ timeoutMs: durationMs(config.timeout), maxBytes: config.maxWaitingBytes }, clock)
  }

  /**
   * A batch is what came while the one before was taken; nothing is read again, so there is nothing to go on from. When
   * it ends, those are sent away whose messages are in no batch yet; the others get their answer by `ack`, or when the
   * source is disposed.
   */
  async *read(_from: Position, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    signal.throwIfAborted()
    if (until.aborted) return
    const intake = this.#intake
    const { path, maxBytes } = this.#config
    const guardsItself = this.#verify !== undefined
    const route = this.#routes.add(path, { maxBytes, guardsItself, answer: (request) => this.#answer(request) })
    intake.begin()
    until.addEventListener('abort', intake.wake)
    try {
      while (!until.aborted) {
        const taken = intake.take()
        if (taken === undefined) await intake.change()
        else yield bytesBatch(taken.payloads, { position: this.#position(taken.number), metas: taken.metas })
      }
    } finally {
      until.removeEventListener('abort', intake.wake)
      route[Symbol.dispose]()
      intake.end()
    }
    signal.throwIfAborted()
  }

  ack(position: Position): void {
    const { opened, batch } = position as WebhookPosition
    if (opened === this.#opened) this.#intake.acknowledge(batch)
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#intake.close()
  }

  #position(batch: number): WebhookPosition {
    return { opened: this.#opened, batch }
  }

  async #answer(request: InboundRequest): Promise<object> {
    this.#verify?.(request)
    const { headers, body } = request
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') throw new HermesError('request_invalid', 'the body is compressed; send it as it is')
    const payloads = messagesIn(body, this.#config)
    const metas = metasOf(headers[this.#idHeader], payloads.length)
    if (payloads.length > 0) await this.#intake.offer({ payloads, metas, bytes: body.length })
    return { messages: payloads.length }
  }
}

/** Throws `request_invalid` for an id that nobody could keep. */
function metasOf(id: string | readonly string[] | undefined, count: number): readonly Meta[] {
  if (id === undefined || id === '') return Array.from({ length: count }, () => noMeta)
  if (typeof id !== 'string' || id.length > LONGEST_ID) {
    throw new HermesError('request_invalid', `the id of the request is longer than ${LONGEST_ID} characters`)
  }
  return count === 1 ? [{ id }] : Array.from({ length: count }, (_, index) => ({ id: `${id}/${index}` }))
}
