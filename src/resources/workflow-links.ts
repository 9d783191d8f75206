import type { WorkflowLink } from '../connectors/workflow-link.ts'
import { HermesError } from '../errors.ts'
import type { Batch, Meta } from '../stream/batch.ts'
import { handedOver } from '../stream/batches.ts'
import type { Inlet } from '../stream/inlet.ts'

/** The way out of the workflow `from` into those that run in this process; `inlet` throws for one that does not. */
export function workflowLink(from: string, inlet: (workflow: string) => Inlet): WorkflowLink {
  const running = (workflow: string): Inlet => {
    try {
      return inlet(workflow)
    } catch (error) {
      throw away(workflow, error)
    }
  }
  return {
    send: async (workflow, batch, signal) => {
      try {
        await running(workflow).send(handedOver(batch, metasFrom(from, batch)), 'source', signal)
      } catch (error) {
        signal.throwIfAborted()
        throw away(workflow, error)
      }
    },
    check: (workflow) => void running(workflow),
  }
}

/** What is known of a message stays, and its id tells it from those of other workflows; the route was for sinks here. */
function metasFrom(from: string, batch: Batch): (index: number) => Meta {
  return (index) => {
    const { id, key } = batch.meta(index)
    return { ...(id === undefined ? {} : { id: `${from}/${id}` }), ...(key === undefined ? {} : { key }) }
  }
}

/** That it does not run is for now, as with a server that is away. */
function away(workflow: string, error: unknown): unknown {
  if (!(error instanceof HermesError) || error.code !== 'not_in_force') return error
  return new HermesError('connector_unavailable', `workflow ${workflow} does not run at the moment`, {
    fix: 'See what keeps it with `hermes-status`.',
  })
}
