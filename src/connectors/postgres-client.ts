import type { Client, ClientConfig } from 'pg'
import { HermesError } from '../errors.ts'
import { durationMs } from '../manifest/duration.ts'
import { withDeadline } from './deadline.ts'
import { type Mask, maskOf } from './masking.ts'
import { type PostgresAddress, type PostgresServerConfig, postgresAddress } from './postgres-config.ts'
import { isServerProblem, problemCode } from './postgres-problem.ts'

/** A row of an answer: its values as the server writes them. */
export type TextRow = readonly (string | null)[]

/** An answer: its columns by name and type, and its rows. */
export interface Answer {
  readonly fields: readonly { readonly name: string; readonly type: number }[]
  readonly rows: readonly TextRow[]
}

export interface QueryOptions {
  readonly values?: readonly unknown[]
  /** How long the answer is waited for; that of the server's config when absent. */
  readonly withinMs?: number
}

/** One connection to a PostgreSQL server. */
export interface PostgresClient extends AsyncDisposable {
  /** `postgres 10.0.0.5:5432/shop`: no credentials. */
  readonly name: string
  readonly timeoutMs: number
  /**
   * What the server answers to one statement. Throws `connector_unavailable` when it is away or does not answer in time,
   * `connector_refused` when it says no; an abort cancels the statement and throws the signal's reason.
   */
  query(text: string, signal: AbortSignal, options?: QueryOptions): Promise<Answer>
  /** What went wrong at this connection as an error that people may see. */
  problem(error: unknown): HermesError
  /** What the vendor's client can do beside: replication. */
  readonly vendor: Client
}

/** What every session is set to: values come in one spelling, whatever server, database and role are set to. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'iso_8601'],
  ['TimeZone', 'UTC'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
  ['standard_conforming_strings', 'on'],
  ['xmloption', 'content'],
  ['lock_timeout', '30s'],
  ['statement_timeout', '0'],
  ['idle_in_transaction_session_timeout', '0'],
  ['idle_session_timeout', '0'],
]

const CANCEL_MS = 2_000

export interface OpenOptions {
  /** A connection of the replication protocol, which takes plain statements too, without values. */
  readonly replication?: boolean
  /** Settings beside the usual. */
  readonly settings?: readonly (readonly [string, string])[]
}

/**
 * Opens a connection. Throws `connector_unavailable`, `connector_refused` for wrong credentials or a database that is not
 * there, `invalid_value` for an address that is none. No message holds the password.
 */
export async function openPostgres(
  config: PostgresServerConfig,
  signal: AbortSignal,
  { replication = false, settings = [] }: OpenOptions = {},
): Promise<PostgresClient> {
  const address = postgresAddress(config)
  const timeoutMs = durationMs(config.timeout ?? '10s')
  const { Client: Vendor } = await import('pg')
  const options = optionsOf(address, timeoutMs)
  const make = (): Client => new Vendor(options)
  const vendor = replication ? new Vendor(replicating(options)) : make()
  const client = new Connection(vendor, { address, timeoutMs, make })
  try {
    await client.connect([...SETTINGS, ...settings], signal)
    return client
  } catch (error) {
    await client[Symbol.asyncDispose]()
    throw error
  }
}

/** Opens a connection for a piece of work. */
export async function withPostgres<T>(
  config: PostgresServerConfig,
  signal: AbortSignal,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  await using client = await openPostgres(config, signal)
  return await work(client)
}

function optionsOf(address: PostgresAddress, timeoutMs: number): ClientConfig {
  const { host, port, username, password, database, tls } = address
  return {
    host,
    port,
    database,
    user: username ?? database,
    // Without one the vendor's client would look for a file of passwords.
    password: password ?? '',
    ssl: tls ?? false,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'hermes',
    types: { getTypeParser: () => (text: unknown) => text },
  }
}

/** The vendor's client knows it, though its types do not say so. */
function replicating(options: ClientConfig): ClientConfig {
  const more: object = { replication: 'database' }
  return { ...options, ...more }
}

interface Parts {
  readonly address: PostgresAddress
  readonly timeoutMs: number
  /** Another connection to the same place, not open yet. */
  readonly make: () => Client
}

class Connection implements PostgresClient {
  readonly name: string
  readonly timeoutMs: number
  readonly vendor: Client
  readonly #make: () => Client
  readonly #mask: Mask
  #cancelling: Promise<void> | undefined
  #lastError: Error | undefined

  constructor(vendor: Client, { address, timeoutMs, make }: Parts) {
    this.vendor = vendor
    this.timeoutMs = timeoutMs
    this.name = `postgres ${address.shown}/${address.database}`
    this.#make = make
    this.#mask = maskOf([address.password ?? ''])
    vendor.on('error', (error: Error) => {
      this.#lastError ??= error
    })
  }

  async connect(settings: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> {
    await this.#inTime(this.vendor.connect(), signal)
    // One that the server does not know yet, or any more, is left out.
    const values = settings.map(([name, value]) => `('${name}', '${value}')`).join(', ')
    const text = `SELECT pg_catalog.set_config(s.name, w.value, false) FROM (VALUES ${values}) w(name, value)
      JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)`
    await this.query(text, signal)
  }

  async query(text: string, signal: AbortSignal, { values, withinMs }: QueryOptions = {}): Promise<Answer> {
    const config = { text, rowMode: 'array' as const, ...(values === undefined ? {} : { values: [...values] }) }
    const result = await this.#inTime(this.vendor.query<(string | null)[]>(config), signal, withinMs)
    const fields = result.fields?.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })) ?? []
    return { fields, rows: result.rows ?? [] }
  }

  problem(error: unknown): HermesError {
    if (error instanceof HermesError) return error
    const cause = isServerProblem(error) ? error : (this.#lastError ?? error)
    const message = cause instanceof Error ? cause.message || cause.name : String(cause)
    const code = problemCode(cause)
    return new HermesError(code, `${this.name}: ${this.#mask(message)}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vendor } = this
    const ended = vendor.end().catch(() => undefined)
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CANCEL_MS).unref())])
    vendor.connection.stream.destroy()
    await this.#cancelling
  }

  async #inTime<T>(work: Promise<T>, signal: AbortSignal, ms = this.timeoutMs): Promise<T> {
    const onTimeout = (): void => this.#giveUp()
    try {
      return await withDeadline(work, { ms, who: this.name, onTimeout }, signal)
    } catch (error) {
      if (!signal.aborted) throw this.problem(error)
      this.#giveUp()
      throw signal.reason
    }
  }

  /** What is under way would go on at the server although nobody waits for it. */
  #giveUp(): void {
    this.vendor.connection.stream.destroy()
    this.#cancelling ??= this.#cancel()
  }

  async #cancel(): Promise<void> {
    const pid: unknown = 'processID' in this.vendor ? this.vendor.processID : undefined
    if (typeof pid !== 'number') return
    const other = this.#make()
    other.on('error', () => undefined)
    const giveUp = setTimeout(() => other.connection.stream.destroy(), CANCEL_MS)
    try {
      await other.connect()
      await other.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid])
    } catch {
      // Then the server is away, and the statement with it.
    } finally {
      clearTimeout(giveUp)
      await other.end().catch(() => undefined)
    }
  }
}
