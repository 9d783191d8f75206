import type { Batch } from '../stream/batch.ts'
import type { Context } from '../stream/connector.ts'

/** The way from one workflow into others of the same process. */
export interface WorkflowLink {
  /**
   * Resolves when the batch is durable in the other workflow, or in its dead letters. Throws `not_in_force` when that does
   * not run at the moment.
   */
  send(workflow: string, batch: Batch, signal: AbortSignal): Promise<void>
  /** Throws `not_in_force` when the workflow does not run. */
  check(workflow: string): void
}

/** What connectors between workflows are given: the usual context, with the way. */
export interface WorkflowLinkContext extends Context {
  readonly link: WorkflowLink
}
