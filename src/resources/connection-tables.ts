import { isServerProblem, problemCode } from '../connectors/postgres-problem.ts'
import type { TableBatch, WorkflowTable } from '../connectors/sinks/workflow-table.ts'
import { type ErrorCode, HermesError, toHermesError } from '../errors.ts'
import { checkMessageTarget } from '../store/message-table.ts'
import type { GuestTables } from '../store/open.ts'
import type { MessageTable, MessageTarget } from '../store/workflow-store.ts'
import type { Rejection } from '../stream/sink.ts'
import type { DatabasePool } from './database-pool.ts'

export interface ConnectionTableParts {
  readonly databases: DatabasePool
  /** Name of the Connection. */
  readonly connection: string
  readonly target: MessageTarget
}

interface Open {
  readonly database: GuestTables
  readonly table: MessageTable
}

/**
 * One workflow's way into a table of a Connection. What failed is let go of: the next write looks again where the
 * Connection leads, and with which secrets.
 */
export class ConnectionTable implements WorkflowTable {
  readonly #parts: ConnectionTableParts
  #opening: Promise<Open> | undefined

  /** Throws `invalid_value` when two things would go into one column. */
  constructor(parts: ConnectionTableParts) {
    checkMessageTarget(parts.target)
    this.#parts = parts
  }

  async write(batch: TableBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const { refused } = await this.#with(({ table }) => table.write(batch, {}, signal), signal)
    return refused
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#with(({ database }) => database.ping(signal), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#opening !== undefined) await this.#letGo(this.#opening)
  }

  async #with<T>(work: (open: Open) => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#dropClosed()
    this.#opening ??= this.#open()
    const opening = this.#opening
    try {
      return await work(await opening)
    } catch (error) {
      signal.throwIfAborted()
      await this.#letGo(opening)
      throw this.#problem(error)
    }
  }

  /** The Connection changed since the last write. */
  async #dropClosed(): Promise<void> {
    const opening = this.#opening
    const open = await opening?.catch(() => undefined)
    if (opening !== undefined && open !== undefined && !this.#parts.databases.isOpen(open.database)) {
      await this.#letGo(opening)
    }
  }

  async #open(): Promise<Open> {
    const { databases, connection, target } = this.#parts
    const database = await databases.database(connection)
    return { database, table: database.messages.open(target) }
  }

  async #letGo(opening: Promise<Open>): Promise<void> {
    if (this.#opening === opening) this.#opening = undefined
    const open = await opening.catch(() => undefined)
    await open?.table[Symbol.asyncDispose]()
  }

  #problem(error: unknown): HermesError {
    const known = toHermesError(error, 'connector_unavailable')
    const code = codeOf(known)
    const fix = code === 'connector_unavailable' || code === 'connector_refused' ? {} : { fix: known.fix }
    const who = `Connection/${this.#parts.connection}`
    return new HermesError(code, known.message.startsWith(who) ? known.message : `${who}: ${known.message}`, fix)
  }
}

/** In the words of a server that a workflow writes to: those of the store speak of Hermes' own database. */
function codeOf({ code, cause }: HermesError): ErrorCode {
  if (code === 'setting_invalid') return 'invalid_value'
  if (code === 'database_unavailable') return problemCode(cause)
  // What the vendor's client makes of credentials that the server does not even look at.
  const isSettled = code === 'database_error' && cause instanceof Error && problemCode(cause) === 'connector_refused'
  return isSettled && !isServerProblem(cause) ? 'connector_refused' : code
}
