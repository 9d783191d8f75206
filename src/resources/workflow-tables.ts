import type { WorkflowTable, WorkflowTables } from '../connectors/sinks/workflow-table.ts'
import type { WorkflowTableConfig } from '../connectors/sinks/workflow-table-config.ts'
import { HermesError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { MessageTarget } from '../store/workflow-store.ts'
import { ConnectionTable } from './connection-tables.ts'
import type { DatabasePool } from './database-pool.ts'
import { columnName, declared } from './source-view.ts'

export interface WorkflowTableOptions {
  /**
   * Commit the position of each batch with its rows: for the only sink of a workflow, when its source keeps no place of
   * its own. It is left to the caller where messages were rejected, whose dead letters come first.
   */
  readonly checkpoint: boolean
  /** The databases of Connections; absent where there are none. */
  readonly databases?: DatabasePool
}

/** The tables of the store and of Connections for one workflow; its rows carry its name. */
export function workflowTables(
  store: Pick<Store, 'messages' | 'ping'>,
  workflow: string,
  { checkpoint, databases }: WorkflowTableOptions,
): WorkflowTables {
  return {
    open: (config): WorkflowTable => {
      const target = messageTarget(workflow, config)
      const { connection } = config
      if (connection !== undefined) {
        if (databases === undefined) throw new HermesError('internal', 'there are no Connections here')
        return new ConnectionTable({ databases, connection, target })
      }
      const table = store.messages.open(target)
      return {
        write: async (batch, signal) => {
          const { position } = batch
          const options = checkpoint && position !== undefined ? { checkpoint: { workflow, position } } : {}
          return (await table.write(batch, options, signal)).refused
        },
        ping: (signal) => store.ping(signal),
        [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
      }
    },
  }
}

/** The table that a sink's config names, as the store takes it. */
export function messageTarget(workflow: string, config: WorkflowTableConfig): MessageTarget {
  const { name, primaryKey, columns, json, write, evolve } = config
  return {
    workflow,
    table: name,
    primaryKey: primaryKey.map(columnName),
    columns: Object.entries(columns).map(([field, clause]) => declared(field, clause)),
    ...(json === undefined ? {} : { json }),
    write,
    evolve,
  }
}
