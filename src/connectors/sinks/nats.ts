import type { MsgHdrs } from '@nats-io/transport-node'
import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { type MessageText, messageText } from '../message-text.ts'
import { type NatsClient, openNats } from '../nats-client.ts'
import { natsName, natsServerProperties, streamSubjects } from '../nats-config.ts'
import { type Publication, publishAll } from '../nats-publisher.ts'
import { ensureStream, openJetStream } from '../nats-stream.ts'

const config = {
  type: 'object',
  description:
    'Publishes each message to a subject of a NATS server. With `jetstream` a message counts as written when a stream ' +
    'holds it, and one that comes twice is stored once (Nats-Msg-Id, within the duplicate window of the stream). ' +
    'Without, it counts as written when the server has it: who does not listen at that moment misses it.',
  additionalProperties: false,
  required: ['url', 'subject'],
  properties: {
    ...natsServerProperties,
    subject: {
      type: 'string',
      minLength: 1,
      'x-message-template': true,
      description:
        'The subject; may hold ${message.FIELD}, ${meta.id} and ${meta.key} of each message: ticks.${message.symbol}.',
    },
    jetstream: {
      type: 'object',
      description: 'A stream takes the messages in.',
      additionalProperties: false,
      required: ['stream'],
      properties: {
        stream: { ...natsName, description: 'Name of the stream.' },
        subjects: streamSubjects,
        dedupe: {
          type: 'boolean',
          default: true,
          description:
            'Sends the id of a message as Nats-Msg-Id. The window is a setting of the stream, 2m by default.',
        },
      },
    },
  },
} as const

export type NatsSinkConfig = FromSchema<typeof config>

interface NatsSinkParts {
  readonly client: NatsClient
  readonly subject: MessageText
  readonly jetstream: NatsSinkConfig['jetstream']
  readonly headers: () => MsgHdrs
  readonly inbox: () => string
}

export const natsSink: Connector<Sink, NatsSinkConfig> = {
  type: 'nats',
  summary: 'A subject of a NATS server, stored by JetStream or not.',
  config,
  open: async (settings) => {
    const signal = AbortSignal.timeout(durationMs(settings.timeout) * 2)
    const subject = await messageText(settings.subject)
    const { headers, createInbox } = await import('@nats-io/transport-node')
    const client = await openNats(settings, signal)
    const { jetstream } = settings
    try {
      if (jetstream !== undefined) {
        await ensureStream(client, await openJetStream(client, signal), jetstream, signal)
      }
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
    return new NatsSink({ client, subject, jetstream, headers: () => headers(), inbox: () => createInbox() })
  },
}

/** Without wildcards, and nothing that ends a line of the protocol. */
const validSubject = /^[^\s.*>\p{Cc}]+(\.[^\s.*>\p{Cc}]+)*$/u
const MSG_ID = 'Nats-Msg-Id'
/** Room for the name of the header and its lines. */
const HEADER_BYTES = 64

class NatsSink implements Sink {
  readonly #parts: NatsSinkParts

  constructor(parts: NatsSinkParts) {
    this.#parts = parts
  }

  /** Resolves when the server, or the stream, has answered for every message. */
  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const { client, jetstream } = this.#parts
    signal.throwIfAborted()
    const rejections: Rejection[] = []
    const publications: Publication[] = []
    const indexes: number[] = []
    await client.ready(signal)
    for (let index = 0; index < batch.size; index++) {
      const publication = this.#publication(batch, index)
      if ('reason' in publication) rejections.push(publication)
      else {
        publications.push(publication)
        indexes.push(index)
      }
    }
    if (publications.length === 0) return rejections
    client.takeViolations()
    if (jetstream === undefined) await this.#publish(publications, signal)
    else await this.#store(publications, indexes, rejections, signal)
    this.#refuse(publications, indexes, rejections)
    return rejections.toSorted((a, b) => a.index - b.index)
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { client } = this.#parts
    await client.ready(signal)
    await client.flush(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.client[Symbol.asyncDispose]()
  }

  #publication(batch: Batch, index: number): Publication | Rejection {
    const { subject: text, jetstream, headers: newHeaders, client } = this.#parts
    try {
      const subject = text.constant ?? text.of(batch, index)
      if (!validSubject.test(subject))
        return { index, reason: `${JSON.stringify(subject)} is not a subject to publish to` }
      const payload = batch.bytes(index)
      const id = jetstream?.dedupe === true ? batch.meta(index).id : undefined
      const most =
        (client.vendor.info?.max_payload ?? Number.POSITIVE_INFINITY) -
        (id === undefined ? 0 : id.length + HEADER_BYTES)
      if (payload.length > most)
        return { index, reason: `${payload.length} bytes are more than the server takes (${most})` }
      if (id === undefined) return { subject, payload }
      const headers = newHeaders()
      headers.set(MSG_ID, id)
      return { subject, payload, headers }
    } catch (error) {
      return { index, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  async #publish(publications: readonly Publication[], signal: AbortSignal): Promise<void> {
    const { client } = this.#parts
    try {
      for (const { subject, payload } of publications) client.vendor.publish(subject, payload)
    } catch (error) {
      throw client.problem(error)
    }
    await client.flush(signal)
  }

  async #store(
    publications: readonly Publication[],
    indexes: readonly number[],
    rejections: Rejection[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, inbox } = this.#parts
    const failures = await publishAll(client, publications, inbox(), signal)
    const [first] = failures
    if (first !== undefined && failures.every((each) => each?.isOfServer === true))
      throw new HermesError('connector_unavailable', `${client.name}: ${first.reason}`)
    for (const [place, failure] of failures.entries()) {
      if (failure === undefined) continue
      const { reason, retryable } = failure
      rejections.push({ index: indexes[place] ?? 0, reason, ...(retryable ? { retryable } : {}) })
    }
  }

  /** Subjects that this user may not publish to: a matter of the messages when it is some, of the manifest when it is all. */
  #refuse(publications: readonly Publication[], indexes: readonly number[], rejections: Rejection[]): void {
    const { client } = this.#parts
    const violations = client.takeViolations()
    if (violations.size === 0) return
    const refused = publications.flatMap(({ subject }, place) => (violations.has(subject) ? [indexes[place] ?? 0] : []))
    const [first = ''] = violations
    if (refused.length === publications.length) {
      throw new HermesError('connector_refused', `${client.name}: it may not publish to ${first}`)
    }
    for (const index of refused) rejections.push({ index, reason: 'the user may not publish to its subject' })
  }
}
