import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { HermesError } from '../errors.ts'
import { durationMs } from '../manifest/duration.ts'
import { type Deadline, withDeadline } from './deadline.ts'
import { maskOf } from './masking.ts'
import type { NatsServerConfig } from './nats-config.ts'
import { parseServerAddress, type ServerAddress } from './server-address.ts'
import { tlsOptions } from './server-tls.ts'

/** One connection to a NATS server, opened again by itself when it is lost. */
export interface NatsClient extends AsyncDisposable {
  /** `nats host:port`, for messages. */
  readonly name: string
  readonly timeoutMs: number
  readonly vendor: NatsConnection
  readonly isConnected: boolean
  /** Resolves when the connection stands; throws `connector_unavailable` when it does not come back in time. */
  ready(signal: AbortSignal): Promise<void>
  /**
   * Resolves when the server has taken everything that was published on this connection before. Throws
   * `connector_unavailable` when it may not have.
   */
  flush(signal: AbortSignal): Promise<void>
  /** Subjects that this user was told it may not use, since it was last asked. */
  takeViolations(): ReadonlySet<string>
  /** Calls at each loss of the connection, until the answer is called. */
  onLost(listener: () => void): () => void
  /** What was thrown, as `connector_unavailable` or `connector_refused`; no message holds the credentials. */
  problem(error: unknown): HermesError
  /** `work` within the timeout, its errors as problems. */
  inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T>
}

const PORT = 4_222
const RETRY_MS = 250

/**
 * Opens a connection. Throws `connector_unavailable`, `connector_refused` for wrong credentials, `invalid_value` for an
 * address that is none.
 */
export async function openNats(config: NatsServerConfig, signal: AbortSignal): Promise<NatsClient> {
  const address = parseServerAddress(config.url, { plain: 'nats', secure: 'tls', port: PORT })
  const timeoutMs = durationMs(config.timeout ?? '10s')
  const { connect, credsAuthenticator } = await import('@nats-io/transport-node')
  const { credentials } = config
  const options = optionsOf(config, address, timeoutMs)
  if (credentials !== undefined) options.authenticator = credsAuthenticator(new TextEncoder().encode(credentials))
  const name = `nats ${address.shown}`
  const mask = maskOf([address.password ?? '', address.username ?? '', credentials ?? ''])
  const connecting = connect(options)
  try {
    const connection = await withDeadline(connecting, { ms: timeoutMs, who: name }, signal)
    return new Connection(connection, name, timeoutMs, mask)
  } catch (error) {
    // It may still come to be.
    void connecting.then(
      (late) => late.close(),
      () => undefined,
    )
    throw problemOf(error, name, mask)
  }
}

function optionsOf({ tls }: NatsServerConfig, address: ServerAddress, timeout: number): NodeConnectionOptions {
  const { username, password, secure } = address
  return {
    servers: [address.shown],
    ...credentialsOf(username, password),
    // The vendor's client names no host to check the certificate for when the address is an IP.
    ...(secure || tls !== undefined ? { tls: { host: address.host, ...tlsOptions(tls ?? {}) } as object } : {}),
    name: 'hermes',
    timeout,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    reconnectJitter: RETRY_MS,
    // A password that is wrong after a loss may be right again later; until then nothing is written.
    ignoreAuthErrorAbort: true,
    pingInterval: 15_000,
  }
}

function credentialsOf(user: string | undefined, pass: string | undefined): NodeConnectionOptions {
  if (user === undefined) return {}
  return pass === undefined ? { token: user } : { user, pass }
}

/** What the vendor's types keep to themselves. */
interface VendorParts {
  readonly protocol?: { readonly transport?: { readonly socket?: { destroy(): void } } }
}

const never = new AbortController().signal

class Connection implements NatsClient {
  readonly name: string
  readonly timeoutMs: number
  readonly vendor: NatsConnection
  readonly #mask: (text: string) => string
  readonly #lost = new Set<() => void>()
  readonly #back = new Set<() => void>()
  #violations = new Set<string>()
  #connected = true

  constructor(vendor: NatsConnection, name: string, timeoutMs: number, mask: (text: string) => string) {
    this.vendor = vendor
    this.name = name
    this.timeoutMs = timeoutMs
    this.#mask = mask
    void this.#watch()
  }

  get isConnected(): boolean {
    return this.#connected && !this.vendor.isClosed()
  }

  async ready(signal: AbortSignal): Promise<void> {
    if (this.isConnected) return
    const { promise: back, resolve: onBack } = Promise.withResolvers<void>()
    this.#back.add(onBack)
    try {
      await withDeadline(back, { ms: this.timeoutMs, who: this.name }, signal)
    } finally {
      this.#back.delete(onBack)
    }
  }

  async flush(signal: AbortSignal): Promise<void> {
    const deadline = { ms: this.timeoutMs, who: this.name, onTimeout: () => this.#drop() }
    await this.#within(this.vendor.flush(), deadline, signal)
    // What the server refused it said before its answer; the vendor's client tells it in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve))
  }

  takeViolations(): ReadonlySet<string> {
    const violations = this.#violations
    if (violations.size > 0) this.#violations = new Set()
    return violations
  }

  onLost(listener: () => void): () => void {
    this.#lost.add(listener)
    return () => this.#lost.delete(listener)
  }

  problem(error: unknown): HermesError {
    return problemOf(error, this.name, this.#mask)
  }

  async inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    // The server may be slow, or gone without a word: whether it still answers shows.
    const onTimeout = (): void => void this.flush(never).catch(() => undefined)
    return await this.#within(work, { ms: this.timeoutMs, who: this.name, onTimeout }, signal)
  }

  async #within<T>(work: Promise<T>, deadline: Deadline, signal: AbortSignal): Promise<T> {
    try {
      return await withDeadline(work, deadline, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.problem(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vendor.close()
  }

  /**
   * Gives up a connection that answers no more: what is tried again would only pile up behind what it did not take. The
   * vendor's own way waits until the socket has taken everything, which it never will.
   */
  #drop(): void {
    const { protocol } = this.vendor as unknown as VendorParts
    const socket = protocol?.transport?.socket
    if (socket === undefined) void this.vendor.reconnect().catch(() => undefined)
    else socket.destroy()
  }

  async #watch(): Promise<void> {
    for await (const status of this.vendor.status()) {
      if (status.type === 'disconnect' || status.type === 'close') {
        this.#connected = false
        for (const listener of this.#lost) listener()
      } else if (status.type === 'reconnect') {
        this.#connected = true
        for (const listener of this.#back) listener()
      } else if (status.type === 'error' && 'subject' in status.error)
        this.#violations.add(String(status.error.subject))
    }
  }
}

/** Names of the vendor's errors that no later try can help. */
const refusals = new Set([
  'AuthorizationError',
  'UserAuthenticationExpiredError',
  'PermissionViolationError',
  'JetStreamNotEnabled',
  'StreamNotFoundError',
  'InvalidNameError',
  'InvalidArgumentError',
])

function problemOf(error: unknown, name: string, mask: (text: string) => string): HermesError {
  if (error instanceof HermesError) return error
  const { name: kind, message } = error instanceof Error ? error : new Error(String(error))
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 0
  // The API of JetStream answers as HTTP does.
  const isRefused = refusals.has(kind) || (status >= 400 && status < 500 && status !== 408)
  return new HermesError(isRefused ? 'connector_refused' : 'connector_unavailable', `${name}: ${mask(message)}`)
}
