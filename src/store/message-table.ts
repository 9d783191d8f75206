import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import { moveCheckpoint } from './checkpoint-table.ts'
import type { Statement } from './database.ts'
import { instantText } from './instant.ts'
import { type MessagePart, type MessageShape, messagePortion } from './message-portion.ts'
import { besideRecord } from './record-plan.ts'
import { isRowFault } from './row-fault.ts'
import { type RunParts, RunTable } from './run-table.ts'
import type { DeclaredColumn } from './store.ts'
import type {
  Checkpoint,
  Messages,
  MessagesWritten,
  MessageTable,
  MessageTables,
  MessageTarget,
} from './workflow-store.ts'

/** The column that takes messages' ids where the target names no key. */
export const messageIdColumn = 'message_id'

/** The tables of one database, as workflows write them. */
export function createMessageTables(parts: RunParts, clock: Clock): MessageTables {
  return { open: (target) => new OpenMessageTable(parts, clock, shapeOf(target)) }
}

/** Throws `invalid_value` when two things would go into one column. */
export function checkMessageTarget(target: MessageTarget): void {
  shapeOf(target)
}

function shapeOf(target: MessageTarget): MessageShape {
  const { workflow, table, primaryKey, columns, json, write, evolve } = target
  const id = primaryKey.length === 0 ? messageIdColumn : undefined
  const filled: DeclaredColumn[] = [
    ...(id === undefined ? [] : [{ name: id, type: { type: 'text' }, from: besideRecord } as const]),
    ...(json === undefined ? [] : [{ name: json, type: { type: 'json' }, from: besideRecord } as const]),
  ]
  const names = [...filled, ...columns].map(({ name }) => name.toLowerCase())
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined || (json !== undefined && primaryKey.includes(json))) {
    throw new HermesError('invalid_value', `column ${twice ?? json} of table ${table} would be filled twice`, {
      fix: 'Give the column for whole messages a name of its own, and name a primaryKey where a field is message_id.',
    })
  }
  const key = id === undefined ? primaryKey : [id]
  const run = {
    table,
    source: workflow,
    columns: [...filled, ...columns],
    widens: true,
    key,
    write,
    evolve: json === undefined ? evolve : 'freeze',
    spec: '',
  } as const
  return { target: run, json, id }
}

class OpenMessageTable implements MessageTable {
  readonly #parts: RunParts
  readonly #clock: Clock
  readonly #shape: MessageShape
  #table: RunTable | undefined
  /** created_at of the last batch, milliseconds. */
  #moment = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: RunParts, clock: Clock, shape: MessageShape) {
    this.#parts = parts
    this.#clock = clock
    this.#shape = shape
  }

  async write(
    messages: Messages,
    { checkpoint }: { readonly checkpoint?: Checkpoint },
    signal: AbortSignal,
  ): Promise<MessagesWritten> {
    const written = this.#last.then(() => this.#write(messages, checkpoint, signal))
    this.#last = written.catch(() => undefined)
    return await written
  }

  async #write(messages: Messages, checkpoint: Checkpoint | undefined, signal: AbortSignal): Promise<MessagesWritten> {
    // Never the same for two batches: who counts rows tells by it that there are more.
    this.#moment = Math.max(Math.floor(this.#clock.now()), this.#moment + 1)
    const part = {
      messages,
      indexes: Array.from({ length: messages.size }, (_, index) => index),
      createdAt: instantText(this.#moment),
      unparsed: this.#parts.database.dialect === 'postgres',
      refused: new Map<number, string>(),
    }
    const beside = this.#besideLast(part, checkpoint)
    if (messages.size > 0) await this.#commit(part, beside, signal)
    else for (const { sql, values } of beside()) await this.#parts.database.query(sql, values, signal)
    const refused = [...part.refused].map(([index, reason]) => ({ index, reason }))
    return {
      refused: refused.toSorted((a, b) => a.index - b.index),
      checkpointed: checkpoint !== undefined && refused.length === 0,
    }
  }

  /** Known only when all rows of the batch are: behind a refused message no checkpoint moves. */
  #besideLast({ refused }: MessagePart, checkpoint: Checkpoint | undefined): () => readonly Statement[] {
    const { dialect } = this.#parts.database
    return () =>
      checkpoint === undefined || refused.size > 0 ? [] : [moveCheckpoint(dialect, checkpoint, this.#moment)]
  }

  /** What the database refuses as a whole is written in halves, down to the messages that are refused alone. */
  async #commit(part: MessagePart, beside: () => readonly Statement[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    try {
      await this.#tried(part, beside, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!isRowFault(error)) throw error
      if (part.unparsed) return await this.#commit({ ...part, unparsed: false }, beside, signal)
      const left = part.indexes.filter((index) => !part.refused.has(index))
      const [first] = left
      if (first === undefined) throw error
      if (left.length === 1) {
        part.refused.set(first, toHermesError(error).message)
        return
      }
      const middle = left.length >> 1
      await this.#commit({ ...part, indexes: left.slice(0, middle) }, () => [], signal)
      await this.#commit({ ...part, indexes: left.slice(middle) }, beside, signal)
    }
  }

  /** A loader that failed takes nothing more, and the table may have changed: the next write begins anew. */
  async #tried(part: MessagePart, beside: () => readonly Statement[], signal: AbortSignal): Promise<void> {
    const { target } = this.#shape
    this.#table ??= new RunTable(this.#parts, target, part.createdAt)
    try {
      await this.#table.commit(messagePortion(this.#shape, part), beside, signal)
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  async #close(): Promise<void> {
    const table = this.#table
    this.#table = undefined
    await table?.[Symbol.asyncDispose]().catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#close()
  }
}
