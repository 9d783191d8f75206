import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { durationSchema } from '../duration-schema.ts'
import { type MessageText, messageText } from '../message-text.ts'
import { asBuffer, type CommandFailure, openRedis, type RedisClient, type RedisCommand } from '../redis-client.ts'
import { redisServerProperties } from '../redis-config.ts'
import { replyKind } from '../redis-problem.ts'
import { type Once, onceFor, writeOnce } from '../redis-write.ts'

const name = { type: 'string', minLength: 1, 'x-message-template': true } as const

const config = {
  type: 'object',
  description:
    'Writes each batch to a Redis server in one go: as messages of a channel, entries of a stream, or values of keys. ' +
    'Channel and keys may hold ${message.FIELD}, ${meta.id} and ${meta.key} of each message. What the server cannot ' +
    'take now (OOM, READONLY, LOADING) is tried again, what it will never take (WRONGTYPE) is rejected. A cluster ' +
    'is not supported.',
  additionalProperties: false,
  required: ['url'],
  'x-one-of': ['publish', 'stream', 'set'],
  properties: {
    ...redisServerProperties,
    publish: {
      ...name,
      description:
        'Channel to PUBLISH to. Who does not listen at that moment misses the message: Redis keeps none of them.',
    },
    stream: {
      type: 'object',
      description: 'Adds an entry to a stream (XADD) for each message.',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: { ...name, description: 'Key of the stream; it is made when it is not there.' },
        field: { type: 'string', minLength: 1, default: 'payload', description: 'Field that holds the payload.' },
        maxLength: {
          type: 'integer',
          minimum: 1,
          description: 'About as many entries are kept (MAXLEN ~), the oldest go. Left out: all.',
        },
      },
    },
    set: {
      type: 'object',
      description: 'Sets a key to the payload (SET) for each message; the last one of a key wins.',
      additionalProperties: false,
      required: ['key'],
      properties: {
        key: { ...name, description: 'The key: quote:${message.symbol}.' },
        ttl: { ...durationSchema, description: 'After this time the key goes. Left out: it stays.' },
      },
    },
    idempotent: {
      type: 'object',
      description:
        'Writes a message once though it may come twice, told by its id: a mark is set with the write, atomically ' +
        '(SET NX in a script). A message without an id is written without a mark. For `set` it is seldom needed: a ' +
        'repeat sets the same value.',
      additionalProperties: false,
      properties: {
        ttl: {
          ...durationSchema,
          default: '24h',
          description: 'How long a mark stays: longer than any message may be late.',
        },
        prefix: {
          type: 'string',
          minLength: 1,
          default: 'hermes:once:',
          description: 'Beginning of the key of a mark.',
        },
      },
    },
    maxMessageBytes: {
      type: 'integer',
      minimum: 1,
      default: 536_870_912,
      description: 'Larger payloads are rejected. A server ends the connection at its own limit: proto-max-bulk-len.',
    },
  },
} as const

/** `x-one-of` leaves one of `publish`, `stream` and `set`. */
export type RedisSinkConfig = FromSchema<typeof config>

/** Makes the commands of a batch. */
interface Writer {
  readonly target: MessageText
  command(target: string, payload: Buffer): RedisCommand
}

export const redisSink: Connector<Sink, RedisSinkConfig> = {
  type: 'redis',
  summary: 'A channel, a stream or keys of a Redis server.',
  config,
  // Of a key that is set the last value has to win; the connection keeps the order, but not when a write failed.
  maxInFlight: { standard: 16, withoutKey: ({ set }) => set === undefined },
  open: async (settings) => {
    const writer = await writerOf(settings)
    const once = settings.idempotent === undefined ? undefined : onceFor(durationMs(settings.idempotent.ttl))
    const client = await openRedis(settings, AbortSignal.timeout(durationMs(settings.timeout) * 2))
    return new RedisSink(client, writer, settings, once)
  },
}

async function writerOf({ publish, stream, set }: RedisSinkConfig): Promise<Writer> {
  if (publish !== undefined) {
    return { target: await messageText(publish), command: (channel, payload) => ['PUBLISH', channel, payload] }
  }
  if (stream !== undefined) {
    const { key, field, maxLength } = stream
    const limit: readonly (string | number)[] = maxLength === undefined ? [] : ['MAXLEN', '~', maxLength]
    return { target: await messageText(key), command: (to, payload) => ['XADD', to, ...limit, '*', field, payload] }
  }
  if (set === undefined) throw new HermesError('invalid_value', 'one of publish, stream and set is needed')
  const life: readonly (string | number)[] = set.ttl === undefined ? [] : ['PX', durationMs(set.ttl)]
  return { target: await messageText(set.key), command: (key, payload) => ['SET', key, payload, ...life] }
}

class RedisSink implements Sink {
  readonly #client: RedisClient
  readonly #writer: Writer
  readonly #config: RedisSinkConfig
  readonly #once: Once | undefined
  readonly #prefix: string

  constructor(client: RedisClient, writer: Writer, settings: RedisSinkConfig, once: Once | undefined) {
    this.#client = client
    this.#writer = writer
    this.#config = settings
    this.#once = once
    const [kind = ''] = (['publish', 'stream', 'set'] as const).filter((each) => settings[each] !== undefined)
    this.#prefix = `${settings.idempotent?.prefix ?? ''}${kind}:`
  }

  /**
   * Resolves when the server has answered for every message. Messages behind which the connection was lost are
   * rejections to be tried again, so that what was answered for is not written twice.
   */
  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    signal.throwIfAborted()
    const rejections: Rejection[] = []
    const commands: RedisCommand[] = []
    const indexes: number[] = []
    let known = false
    for (let index = 0; index < batch.size; index++) {
      const command = this.#command(batch, index, !known)
      if ('reason' in command) {
        rejections.push(command)
        continue
      }
      known ||= command[0] === 'EVAL'
      indexes.push(index)
      commands.push(command)
    }
    if (commands.length === 0) return rejections
    const failures = await this.#client.send(commands, signal)
    if (failures.length === 0) return rejections
    this.#refuseAll(failures)
    for (const [place, failure] of failures.entries()) {
      if (failure !== undefined) rejections.push(rejectionOf(indexes[place] ?? 0, failure))
    }
    return rejections.toSorted((a, b) => a.index - b.index)
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#client.ping(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }

  #command(batch: Batch, index: number, first: boolean): RedisCommand | Rejection {
    const { target } = this.#writer
    try {
      const payload = asBuffer(batch.bytes(index))
      if (payload.length > this.#config.maxMessageBytes) {
        return { index, reason: `${payload.length} bytes are more than maxMessageBytes` }
      }
      const to = target.constant ?? target.of(batch, index)
      const command = this.#writer.command(to, payload)
      const { id } = batch.meta(index)
      if (this.#once === undefined || id === undefined) return command
      return writeOnce(command, `${this.#prefix}${to}:${id}`, this.#once, first)
    } catch (error) {
      return { index, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  /** When the server takes nothing at all now, or nothing of this user, that is no matter of the messages. */
  #refuseAll(failures: readonly (CommandFailure | undefined)[]): void {
    const [first] = failures
    if (first === undefined) return
    const kind = kindOf(first)
    if (kind === 'never' || !failures.every((each) => each !== undefined && kindOf(each) === kind)) return
    const code = kind === 'later' ? 'connector_unavailable' : 'connector_refused'
    throw new HermesError(code, `${this.#client.name}: ${first.message}`)
  }
}

function kindOf({ lost, message }: CommandFailure): ReturnType<typeof replyKind> {
  return lost ? 'later' : replyKind(message)
}

function rejectionOf(index: number, failure: CommandFailure): Rejection {
  const reason = failure.message
  return kindOf(failure) === 'later' ? { index, reason, retryable: true } : { index, reason }
}
