import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { SqlValue } from '../database.ts'
import type { QueryAnswer, ThreadRequest } from './protocol.ts'
import type { Hold, SqliteThread } from './sqlite-thread.ts'

/** kysely over the two threads: reads outside of a transaction go to the reader, everything else to the writer. */
export function sqliteDialect(writer: SqliteThread, reader: SqliteThread): Dialect {
  return {
    createDriver: () => new ThreadDriver(writer, reader),
    createAdapter: () => new ManyConnections(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  }
}

/** A transaction holds the writer; nothing else has to wait for a connection. */
class ManyConnections extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

class ThreadConnection implements DatabaseConnection {
  readonly #writer: SqliteThread
  readonly #reader: SqliteThread
  /** The writer, while a transaction holds it. */
  #hold: Hold | undefined

  constructor(writer: SqliteThread, reader: SqliteThread) {
    this.#writer = writer
    this.#reader = reader
  }

  async begin(): Promise<void> {
    this.#hold = await this.#writer.hold()
    try {
      await this.executeQuery(CompiledQuery.raw('BEGIN IMMEDIATE'))
    } catch (error) {
      this.end()
      throw error
    }
  }

  end(): void {
    this.#hold?.release()
    this.#hold = undefined
  }

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const request = { op: 'query', sql: compiled.sql, values: compiled.parameters as readonly SqlValue[] } as const
    const answer = await this.#answer(request, compiled.query.kind === 'SelectQueryNode')
    const rows = answer.rows as R[]
    return answer.changes === undefined ? { rows } : { rows, numAffectedRows: BigInt(answer.changes) }
  }

  #answer(request: ThreadRequest, reads: boolean): Promise<QueryAnswer> {
    return this.#hold?.ask(request) ?? (reads ? this.#reader : this.#writer).ask(request)
  }

  async *streamQuery<R>(compiled: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(compiled)
  }
}

class ThreadDriver implements Driver {
  readonly #writer: SqliteThread
  readonly #reader: SqliteThread

  constructor(writer: SqliteThread, reader: SqliteThread) {
    this.#writer = writer
    this.#reader = reader
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(new ThreadConnection(this.#writer, this.#reader))
  }

  async beginTransaction(connection: ThreadConnection): Promise<void> {
    await connection.begin()
  }

  async commitTransaction(connection: ThreadConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'))
    connection.end()
  }

  async rollbackTransaction(connection: ThreadConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('ROLLBACK'))
    } finally {
      connection.end()
    }
  }

  releaseConnection(connection: ThreadConnection): Promise<void> {
    connection.end()
    return Promise.resolve()
  }

  /** The threads belong to the database, which ends them. */
  async destroy(): Promise<void> {}
}
