import { hash } from 'node:crypto'
import type { Batch, Meta } from '../../stream/batch.ts'
import type { Connector, Context } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { ownTableSchema, type WorkflowTableConfig, workflowTableSchema } from './workflow-table-config.ts'

/** A batch for a table, with what is still the text of its messages. */
export interface TableBatch extends Pick<Batch, 'size' | 'position' | 'value' | 'meta'> {
  /** A message as it came, when that looks like JSON: a column for whole messages takes it unparsed. */
  source(index: number): Uint8Array | undefined
}

/** One workflow's way into one table. */
export interface WorkflowTable extends AsyncDisposable {
  /** Resolves when the rows are committed but for the messages that it names, which have no place in the table. */
  write(batch: TableBatch, signal: AbortSignal): Promise<readonly Rejection[]>
  /** Resolves when its database answers. */
  ping(signal: AbortSignal): Promise<void>
}

/** The tables that there are, for the workflow that the sink belongs to. */
export interface WorkflowTables {
  /** Throws `invalid_value` when two things would go into one column. */
  open(table: WorkflowTableConfig): WorkflowTable
}

/** What the sink is given: the usual context, with the tables of the workflow. */
export interface WorkflowTableContext extends Context {
  readonly workflowTables: WorkflowTables
}

/** Writes messages into a table of Hermes' own database or of a Connection, each once however often it comes. */
export const workflowTableSink = {
  type: 'table',
  summary: 'A table of the database.',
  config: workflowTableSchema,
  open: async (config: WorkflowTableConfig, { workflowTables }: WorkflowTableContext): Promise<Sink> => {
    const table = workflowTables.open(config)
    return {
      write: (batch, signal) => table.write(tableBatch(batch), signal),
      ping: (signal) => table.ping(signal),
      [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
    }
  },
} satisfies Omit<Connector<Sink, WorkflowTableConfig>, 'open'> & { readonly open: unknown }

/** The sink where there is one database and no Connection. */
export const ownTableSink = { ...workflowTableSink, config: ownTableSchema } as const

const BRACE = 0x7b
const BRACKET = 0x5b

/** Only objects and lists pass for JSON by their first byte; whether they are the database finds out. */
function tableBatch(batch: Batch): TableBatch {
  const { size, position } = batch
  return {
    size,
    ...(position === undefined ? {} : { position }),
    value: (index) => batch.value(index),
    meta: (index) => metaOf(batch, index),
    source: (index) => sourceOf(batch, index),
  }
}

/** A message that nobody gave an id, such as one of a WebSocket, is known by its content. */
function metaOf(batch: Batch, index: number): Meta {
  const meta = batch.meta(index)
  if (meta.id !== undefined) return meta
  try {
    return { ...meta, id: hash('sha256', batch.bytes(index), 'base64url') }
  } catch {
    return meta
  }
}

function sourceOf(batch: Batch, index: number): Uint8Array | undefined {
  try {
    const bytes = batch.bytes(index)
    return bytes[0] === BRACE || bytes[0] === BRACKET ? bytes : undefined
  } catch {
    // A value that JSON has no text for, such as a bigint: the column makes of it what it can.
    return undefined
  }
}
