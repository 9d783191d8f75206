import { Client, DatabaseError, type Pool, type PoolClient } from 'pg'

/** The server, and how long it may take to answer to a new connection. */
export interface LivenessOptions {
  readonly connectionString: string
  readonly connectMs: number
}

/** A connection that is not used again has so many milliseconds to say goodbye. */
const GOODBYE_MS = 2_000

/**
 * Ends connections in use whose server went without a word: nobody would ever tell the statement that waits there. One
 * that is in use for longer than a new one may take to come about is asked about over such a one: when that is not to
 * be had, or the server does not know the old one any more, its statement fails with `ETIMEDOUT`. A statement may take
 * as long as it needs while the server answers.
 */
export class Liveness {
  readonly #options: LivenessOptions
  /** Each with the time since when, milliseconds of the process. */
  readonly #inUse = new Map<PoolClient, number>()
  readonly #clients: ReadonlySet<Client>
  #timer: NodeJS.Timeout | undefined

  /** `clients` are all that the pool has made, and that have not ended. */
  constructor(pool: Pool, clients: ReadonlySet<Client>, options: LivenessOptions) {
    this.#clients = clients
    this.#options = options
    pool.on('acquire', (client) => {
      this.#inUse.set(client, performance.now())
      this.#look()
    })
    pool.on('release', (error, client) => {
      this.#inUse.delete(client)
      // What waits for the other side to close might wait for as long as the system likes.
      if (error !== undefined && (error as unknown) !== false) setTimeout(() => endAbruptly(client), GOODBYE_MS).unref()
    })
  }

  /** Ends every connection that there still is. */
  endAll(): void {
    clearTimeout(this.#timer)
    for (const client of this.#clients) endAbruptly(client)
  }

  #look(): void {
    if (this.#timer !== undefined || this.#inUse.size === 0) return
    this.#timer = setTimeout(() => {
      void this.#endLost().finally(() => {
        this.#timer = undefined
        this.#look()
      })
    }, this.#options.connectMs).unref()
  }

  async #endLost(): Promise<void> {
    const before = performance.now() - this.#options.connectMs
    const overdue = [...this.#inUse].flatMap(([client, since]) => (since <= before ? [client] : []))
    if (overdue.length === 0) return
    const known = await this.#known(overdue.flatMap((client) => processOf(client) ?? []))
    for (const client of overdue) {
      const id = processOf(client)
      const isLost = known === undefined || (id !== undefined && !known.has(id))
      if (isLost && this.#inUse.has(client)) endAbruptly(client, this.#lost())
    }
  }

  /** Those that the server knows; none at all, `undefined`, when it does not answer. What it refuses to say counts as known. */
  async #known(ids: readonly number[]): Promise<ReadonlySet<number> | undefined> {
    const { connectionString, connectMs } = this.#options
    const client = new Client({ connectionString, connectionTimeoutMillis: connectMs, query_timeout: connectMs })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const own = await client.query<{ own: number }>('SELECT pg_catalog.pg_backend_pid() AS own')
      // Behind a pooler the processes that it names are not those of the server.
      if (own.rows[0]?.own !== processOf(client)) return new Set(ids)
      const sql = 'SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = ANY ($1)'
      return new Set((await client.query<{ pid: number }>(sql, [ids])).rows.map(({ pid }) => pid))
    } catch (error) {
      return error instanceof DatabaseError ? new Set(ids) : undefined
    } finally {
      endAbruptly(client)
    }
  }

  #lost(): Error {
    const message = `the server did not answer within ${this.#options.connectMs} ms`
    return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
  }
}

/** Closes a connection without waiting for the other side; what it was doing fails. */
export function endAbruptly(client: PoolClient | Client, error?: Error): void {
  client.connection.stream.destroy(error)
}

function processOf(client: PoolClient | Client): number | undefined {
  return 'processID' in client && typeof client.processID === 'number' ? client.processID : undefined
}
