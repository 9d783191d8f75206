import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient } from 'pg'
import { HermesError } from '../../errors.ts'
import { endAbruptly, Liveness } from './liveness.ts'
import { textTypes } from './value-types.ts'

/** A `postgres://` URL, understood. */
export interface Address {
  /** For `pg`. */
  readonly connectionString: string
  /** From `?schema=`; the first schema of the server's search_path when absent. */
  readonly schema: string | undefined
  /** Host, port and database, no credentials. */
  readonly location: string
  /** From `?connect_timeout=`, which is in seconds: how long the server may take to answer to a new connection. */
  readonly connectMs: number
}

const defaultConnectMs = 15_000
const ownConnections = 16
/** A statement that is cancelled has so many milliseconds to end. */
const cancelMs = 2_000

/** Reads a URL as libpq does, `sslmode` included. Throws `setting_invalid`, without the URL in it. */
export function parseAddress(url: string): Address {
  const [base = '', query = ''] = url.split(/\?(.*)/s)
  const parameters = new URLSearchParams(query)
  const schema = parameters.get('schema') ?? undefined
  parameters.delete('schema')
  const connectMs = connectMsOf(parameters.get('connect_timeout'))
  parameters.delete('connect_timeout')
  if (!parameters.has('uselibpqcompat')) parameters.set('uselibpqcompat', 'true')
  const connectionString = `${base}?${parameters.toString()}`
  const place = placeOf(connectionString)
  const suffix = schema === undefined ? '' : `?schema=${encodeURIComponent(schema)}`
  return { connectionString, schema, location: `postgres://${place}${suffix}`, connectMs }
}

function connectMsOf(seconds: string | null): number {
  if (seconds === null) return defaultConnectMs
  if (!/^[1-9]\d{0,5}$/.test(seconds)) throw invalid('connect_timeout is not a number of seconds')
  return Number(seconds) * 1_000
}

function placeOf(connectionString: string): string {
  try {
    const { host, port, database } = new Client({ connectionString })
    // Of a password with a bare / or # in it a part would be taken for the database, and be shown.
    if (!`${host}${database}`.includes('@')) return `${host}:${port}/${database}`
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : '')
  }
  throw invalid('a character of the password is not percent-encoded')
}

function invalid(why: string): HermesError {
  return new HermesError('setting_invalid', `the database URL is not understood: ${why}`, {
    fix: 'Write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded.',
  })
}

/**
 * A pool whose connections all speak the same: one schema, UTC, ISO dates, shortest round-trip doubles; and what ends
 * those whose server is gone.
 */
export function openPool(
  address: Address,
  mostConnections = ownConnections,
): { readonly pool: Pool; readonly liveness: Liveness } {
  const clients = new Set<Client>()
  class KnownClient extends Client {
    constructor(config?: ClientConfig) {
      super(config)
      clients.add(this)
      this.once('end', () => clients.delete(this))
    }
  }
  // The pool waits for it, though its types do not say so.
  const onConnect: (client: ClientBase) => unknown = (client) => settle(client, address.schema)
  const pool = new Pool({
    Client: KnownClient,
    connectionString: address.connectionString,
    max: mostConnections,
    connectionTimeoutMillis: address.connectMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'hermes',
    types: textTypes,
    onConnect,
  })
  // A connection that dies, idle or in use, is replaced; who uses it learns of it from his own query.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return { pool, liveness: new Liveness(pool, clients, address) }
}

/**
 * The schema comes before pg_catalog, so that a table named like one of the server's is still ours. A statement that
 * waits for a lock gives up, because everything behind it waits as well.
 */
async function settle(client: ClientBase, schema: string | undefined): Promise<void> {
  await client.query(
    `SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident(coalesce($1, pg_catalog.current_schema(), 'public')) || ', pg_catalog', false),
            pg_catalog.set_config('TimeZone', 'UTC', false), pg_catalog.set_config('DateStyle', 'ISO', false),
            pg_catalog.set_config('extra_float_digits', '1', false), pg_catalog.set_config('bytea_output', 'hex', false),
            pg_catalog.set_config('client_min_messages', 'warning', false),
            pg_catalog.set_config('lock_timeout', '30s', false),
            pg_catalog.set_config('idle_in_transaction_session_timeout', '10min', false)`,
    [schema ?? null],
  )
}

/** Lends a connection. One that a failure may have left in a transaction is not used again. */
export async function withClient<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const client = await borrowed(pool, signal)
  let broken = true
  try {
    const result = await cancellable(pool, client, work, signal)
    broken = false
    return result
  } finally {
    client.release(broken)
  }
}

/** Runs `work` in one transaction: all or nothing. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return await withClient(pool, async (client) => {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  })
}

/**
 * Runs `work`; an abort cancels on the server what the connection is doing, and ends the connection when that does not
 * help in time. Throws the signal's reason then.
 */
export async function cancellable<T>(
  pool: Pool,
  client: PoolClient,
  work: (client: PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  const cancel = (): void => {
    timer = setTimeout(() => endAbruptly(client), cancelMs)
    void cancelQuery(pool, client)
  }
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await work(client)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
    // A late cancel might hit the connection's next user: throwing retires the connection.
    signal?.throwIfAborted()
  }
}

/** A connection of the pool; one that comes when nobody waits for it any more goes back. */
async function borrowed(pool: Pool, signal: AbortSignal | undefined): Promise<PoolClient> {
  signal?.throwIfAborted()
  const connecting = pool.connect()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal?.reason as Error)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([connecting, aborted.promise])
  } catch (error) {
    connecting.then(
      (client) => client.release(),
      () => undefined,
    )
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Ends what a connection is doing, from another one; the statement then fails. */
async function cancelQuery(pool: Pool, client: PoolClient): Promise<void> {
  const pid: unknown = 'processID' in client ? client.processID : undefined
  if (typeof pid === 'number') await pool.query('SELECT pg_catalog.pg_cancel_backend($1)', [pid]).catch(() => undefined)
}
