import type { Command, Redis, RedisOptions } from 'ioredis'
import { HermesError } from '../errors.ts'
import { durationMs } from '../manifest/duration.ts'
import { withDeadline } from './deadline.ts'
import { Deadlines } from './deadlines.ts'
import { maskOf } from './masking.ts'
import type { RedisServerConfig } from './redis-config.ts'
import { isReply, replyCode } from './redis-problem.ts'
import { parseServerAddress, type ServerAddress } from './server-address.ts'
import { tlsOptions } from './server-tls.ts'

/** Name and arguments; payloads go as they are. */
export type RedisCommand = readonly [string, ...(string | number | Buffer)[]]

/** What came of one command of several: an error reply, or no reply because the connection went. */
export interface CommandFailure {
  readonly message: string
  readonly lost: boolean
}

/** One connection to a Redis server, opened again by itself when it is lost. */
export interface RedisClient extends AsyncDisposable {
  /** `redis host:port`, for messages. */
  readonly name: string
  /**
   * One command; replies hold Buffers where Redis has strings. Throws `connector_unavailable` or `connector_refused`;
   * `waitMs` is how long the server may take for it on purpose.
   */
  call(command: RedisCommand, signal: AbortSignal, waitMs?: number): Promise<unknown>
  /**
   * Commands in one write to the socket, and what went wrong with each; absent where nothing did, empty when nothing did
   * at all. Throws `connector_unavailable` when no reply came.
   */
  send(commands: readonly RedisCommand[], signal: AbortSignal): Promise<readonly (CommandFailure | undefined)[]>
  /** Resolves when the server takes commands. Throws as `call` does. */
  ping(signal: AbortSignal): Promise<void>
  /** What the vendor's client can do beside: subscriptions. */
  readonly vendor: Redis
  /** When the connection was lost and is not back, since when in milliseconds of the process; undefined when it stands. */
  lostSince(): number | undefined
}

const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000
const PORT = 6_379
const DISCONNECT_MS = 1_000

/**
 * Opens a connection and waits until the server takes commands. Throws `connector_unavailable`, `connector_refused` for
 * wrong credentials or a database that is not there, `invalid_value` for an address that is none. No message holds the
 * password, and no error of the vendor's client is passed on: those hold the arguments of commands.
 */
export async function openRedis(config: RedisServerConfig, signal: AbortSignal): Promise<RedisClient> {
  const address = parseServerAddress(config.url, { plain: 'redis', secure: 'rediss', port: PORT })
  const timeoutMs = durationMs(config.timeout ?? '10s')
  const vendor = await import('ioredis')
  const client = new Connection(new vendor.Redis(optionsOf(config, address, timeoutMs)), vendor.Command, {
    name: `redis ${address.shown}`,
    password: address.password ?? '',
    timeoutMs,
  })
  try {
    await client.connect(signal)
    return client
  } catch (error) {
    await client[Symbol.asyncDispose]()
    throw error
  }
}

function optionsOf(
  { tls }: RedisServerConfig,
  address: ServerAddress,
  timeoutMs: number,
): Omit<RedisOptions, 'replyMapping'> {
  const { host, port, secure, username, password, path } = address
  if (!/^\d*$/.test(path)) throw new HermesError('invalid_value', 'the database in url is not a number')
  return {
    host,
    port,
    db: Number(path),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(secure || tls !== undefined ? { tls: tlsOptions(tls ?? {}) } : {}),
    connectTimeout: timeoutMs,
    disconnectTimeout: DISCONNECT_MS,
    lazyConnect: true,
    // What was under way when the connection went is not sent again behind the caller's back.
    autoResendUnfulfilledCommands: false,
    // Nobody would hear that it failed.
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(RETRY_FIRST_MS * 2 ** (times - 1), RETRY_MAX_MS) * (0.5 + Math.random() / 2),
    enableAutoPipelining: false,
    // It asks for INFO, which a user need not be allowed; a server that is loading says so.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectionName: 'hermes',
    // Replies of one shape, from servers of every age.
    protocol: 2,
  }
}

const none: readonly undefined[] = []

interface ConnectionParts {
  readonly name: string
  readonly password: string
  readonly timeoutMs: number
}

class Connection implements RedisClient {
  readonly name: string
  readonly vendor: Redis
  readonly #Command: typeof Command
  readonly #timeoutMs: number
  readonly #deadlines: Deadlines
  readonly #mask: (text: string) => string
  #lastError: Error | undefined
  #lostSince: number | undefined

  constructor(vendor: Redis, Made: typeof Command, { name, password, timeoutMs }: ConnectionParts) {
    this.vendor = vendor
    this.name = name
    this.#Command = Made
    this.#timeoutMs = timeoutMs
    this.#deadlines = new Deadlines({ ms: timeoutMs, who: name, onTimeout: () => this.#distrust() })
    this.#mask = maskOf([password])
    vendor.on('error', (error: Error) => {
      this.#lastError = error
    })
    vendor.on('ready', () => {
      this.#lostSince = undefined
      if (!isReply(this.#lastError)) this.#lastError = undefined
    })
    vendor.on('close', () => {
      this.#lostSince ??= performance.now()
    })
  }

  async connect(signal: AbortSignal): Promise<void> {
    try {
      await this.#inTime(this.vendor.connect(), signal)
    } catch (error) {
      throw this.#problem(error, signal)
    }
    // A database that could not be chosen is told by an event only, and the commands would go to another one.
    if (isReply(this.#lastError)) throw this.#problem(this.#lastError, signal)
    this.#lastError = undefined
    await this.ping(signal)
  }

  async ping(signal: AbortSignal): Promise<void> {
    try {
      await this.call(['PING'], signal)
    } catch (error) {
      // That a user may not ask shows that it was let in.
      if (!(error instanceof HermesError) || !error.message.includes('NOPERM')) throw error
    }
  }

  async call([name, ...args]: RedisCommand, signal: AbortSignal, waitMs = 0): Promise<unknown> {
    try {
      return await this.#inTime(this.vendor.callBuffer(name, ...args), signal, waitMs)
    } catch (error) {
      throw this.#problem(error, signal)
    }
  }

  send(commands: readonly RedisCommand[], signal: AbortSignal): Promise<readonly (CommandFailure | undefined)[]> {
    return commands.length === 0 ? Promise.resolve(none) : this.#deadlines.follow(this.#answered(commands), signal)
  }

  lostSince(): number | undefined {
    return this.#lostSince
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vendor } = this
    if (vendor.status === 'end') return
    // Between two attempts there is no socket whose end could be waited for.
    const ended =
      vendor.status === 'reconnecting' ? undefined : new Promise<void>((resolve) => void vendor.once('end', resolve))
    vendor.disconnect()
    await ended
  }

  /**
   * Resolves when there is a reply to each, or none will come. They go out in one write to the socket; the vendor's
   * pipeline would copy them first, and its garbage lives until the next full collection.
   */
  #answered(commands: readonly RedisCommand[]): Promise<readonly (CommandFailure | undefined)[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (CommandFailure | undefined)[]>()
    let failures: (CommandFailure | undefined)[] | undefined
    let open = commands.length
    const settle = (): void => {
      open -= 1
      if (open > 0) return
      if (failures?.every((each) => each?.lost === true) === true) reject(this.#unavailable(failures[0]))
      else resolve(failures ?? none)
    }
    const stream = commands.length > 1 ? this.vendor.stream : undefined
    stream?.cork()
    for (const [index, command] of commands.entries()) {
      this.#dispatch(command).then(settle, (error: unknown) => {
        failures ??= commands.map(() => undefined)
        failures[index] = this.#failure(error)
        settle()
      })
    }
    stream?.uncork()
    return promise
  }

  /** What the vendor's methods do, but for the choice of a method by the command's name. */
  #dispatch(command: RedisCommand): Promise<unknown> {
    return this.vendor.sendCommand(new this.#Command(command[0], command.slice(1))) as Promise<unknown>
  }

  #failure(error: unknown): CommandFailure {
    return { message: this.#mask(this.#cause(error).message), lost: !isReply(error) }
  }

  #inTime<T>(work: Promise<T>, signal: AbortSignal, waitMs = 0): Promise<T> {
    const onTimeout = (): void => this.#distrust()
    return withDeadline(work, { ms: this.#timeoutMs + waitMs, who: this.name, onTimeout }, signal)
  }

  /** What did not answer in time may answer still: on another connection it cannot be taken for another's answer. */
  #distrust(): void {
    this.vendor.disconnect(true)
  }

  #problem(error: unknown, signal: AbortSignal): unknown {
    if (error instanceof HermesError || (signal.aborted && error === signal.reason)) return error
    const cause = this.#cause(error)
    const code = isReply(cause) ? replyCode(cause.message) : 'connector_unavailable'
    return new HermesError(code, `${this.name}: ${this.#mask(cause.message)}`)
  }

  #unavailable(failure: CommandFailure | undefined): HermesError {
    return new HermesError('connector_unavailable', `${this.name}: ${failure?.message ?? 'no answer'}`)
  }

  /** Of a closed connection the vendor's client says no more than that; what it was told before says why. */
  #cause(error: unknown): Error {
    if (isReply(error) || this.#lastError === undefined)
      return error instanceof Error ? error : new Error(String(error))
    return this.#lastError
  }
}

/** The bytes of a payload as the vendor's client takes them; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
