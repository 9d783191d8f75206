import type { WorkflowTable, WorkflowTables } from '../connectors/sinks/workflow-table.ts'
import type { WorkflowTableConfig } from '../connectors/sinks/workflow-table-config.ts'
import type { Store } from '../store/store.ts'
import type { MessageTarget } from '../store/workflow-store.ts'
import { columnName, declared } from './source-view.ts'

export interface WorkflowTableOptions {
  /**
   * Commit the position of each batch with its rows: for the only sink of a workflow, when its source keeps no place of
   * its own. It is left to the caller where messages were rejected, whose dead letters come first.
   */
  readonly checkpoint: boolean
}

/** The tables of the store for one workflow; its rows carry its name. */
export function workflowTables(
  store: Pick<Store, 'messages' | 'ping'>,
  workflow: string,
  { checkpoint }: WorkflowTableOptions,
): WorkflowTables {
  return {
    open: (config): WorkflowTable => {
      const table = store.messages.open(messageTarget(workflow, config))
      return {
        write: async (batch, signal) => {
          const { position } = batch
          const options = checkpoint && position !== undefined ? { checkpoint: { workflow, position } } : {}
          return (await table.write(batch, options, signal)).refused
        },
        [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
      }
    },
    ping: (signal) => store.ping(signal),
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
