import type { Location } from '../errors.ts'

export type ResourceState = 'ready' | 'progressing' | 'waiting' | 'retrying' | 'stalled' | 'blocked' | 'suspended'

/** As in Kubernetes: `Ready`, `Reconciled`, `Fetched`. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** One resource's status, derived from the data, the ledger and what runs; nothing of it is stored. */
export interface ResourceStatus {
  readonly kind: string
  readonly name: string
  readonly state: ResourceState
  /** CamelCase, stable: `Fetched`, `SecretMissing`, `ApprovalNeeded`. */
  readonly reason: string
  readonly message: string
  readonly revision: string
  readonly at: Location
  readonly conditions: readonly Condition[]
  /** The hash that `hermes approve` takes, when blocked. */
  readonly approval?: string
  /** For a source: what it uses, and how it goes. */
  readonly connection?: string
  readonly table?: string
  readonly rows?: number
  readonly lastRunAt?: string
  readonly nextRunAt?: string
  readonly attempts?: number
  readonly lastError?: { readonly code: string; readonly message: string }
  readonly cursor?: string
  /** For a workflow. */
  readonly flow?: FlowStatus
}

/** How a workflow runs in the process that was asked; counts are messages since it took the workflow up. */
export interface FlowStatus {
  readonly phase: 'starting' | 'running' | 'finished' | 'failed' | 'stopping'
  /** The host of the service that runs it. */
  readonly owner: string
  readonly read: number
  readonly written: number
  /** Over the last ten seconds. */
  readonly readPerSecond: number
  readonly writtenPerSecond: number
  /** Everything up to here is durable; in the words of the source. Absent before anything is. */
  readonly position?: unknown
  /** What was read and is not durable yet: messages, and seconds since the oldest was read. Absent while it does not run. */
  readonly lag?: { readonly messages: number; readonly seconds: number }
  /** In the buffer. */
  readonly buffered: number
  readonly dropped: number
  readonly deadLetters: number
  /** Why it does not run. */
  readonly error?: { readonly code: string; readonly message: string }
  /** Why its source gives nothing at the moment, though it runs. */
  readonly source?: { readonly code: string; readonly message: string }
  /** Why dead letters cannot be written at the moment: its source waits. */
  readonly deadLetter?: { readonly code: string; readonly message: string }
  readonly sinks: readonly SinkStatus[]
}

export interface SinkStatus {
  readonly name: string
  readonly breaker: 'closed' | 'open' | 'half_open'
  readonly written: number
  readonly writtenPerSecond: number
  /** Messages that are written at once, at most; it adapts to how long writes take. Absent while it does not run. */
  readonly writeSize?: number
  /** Writes that are under way at once, at most; it adapts in the same way. Absent while it does not run. */
  readonly writesAtOnce?: number
  readonly rejected: number
  /** Messages that were refused for now, and those behind them. */
  readonly parked: number
  readonly error?: { readonly code: string; readonly message: string }
}

export interface StatusProblem {
  readonly code: string
  readonly message: string
  readonly at: Location
  readonly path?: string
  readonly fix: string
}

export interface StatusReport {
  readonly time: string
  readonly version: string
  /** The revision in force; empty while none is. */
  readonly revision: string
  /** Set until a service has read its manifests for the first time: resources are as the database has them. A sentence. */
  readonly unread?: string
  readonly resources: readonly ResourceStatus[]
  /** What is wrong in the manifests right now. */
  readonly problems: readonly StatusProblem[]
  /** With a repository: the directory in it that places are relative to; empty for all of it. */
  readonly root?: string
}
