import type { WorkflowCounters } from '../resources/workflow-counters.ts'
import type { WorkflowRun } from '../resources/workflow-run.ts'
import type { Letters } from './letters.ts'
import type { Flow, PipelinePhase, PipelineStats, SinkStats } from './options.ts'

export interface FlowParts {
  readonly run: WorkflowRun
  readonly counters: WorkflowCounters
  readonly letters: Letters
  /** What is closed when nothing runs any more. */
  readonly stack: AsyncDisposableStack
  readonly signal: AbortSignal | undefined
}

/** A run as a program sees it. */
export class PipelineFlow implements Flow {
  readonly #parts: FlowParts
  readonly #finished: Promise<void>
  #isHeard = false
  #isStopped = false
  #end: PipelinePhase | undefined

  constructor(parts: FlowParts) {
    this.#parts = parts
    const { run, signal } = parts
    const onAbort = (): void => run.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    run.start()
    if (signal?.aborted === true) onAbort()
    this.#finished = this.#ended().finally(() => signal?.removeEventListener('abort', onAbort))
  }

  get finished(): Promise<void> {
    this.#isHeard = true
    return this.#finished
  }

  get stats(): PipelineStats {
    const { run, counters, letters } = this.#parts
    const { phase, error, position, depth, sinks: health } = run.health
    const { read, filtered, sinks } = counters.counts
    const known = new Map(health.map((each) => [each.name, each]))
    const statsOf = ([name, counts]: [string, { written: number; rejected: number; writeErrors: number }]) => {
      const { breaker = 'closed', error: thrown } = known.get(name) ?? {}
      const { written, rejected, writeErrors: failures } = counts
      const stats: SinkStats = {
        written,
        rejected,
        failures,
        breaker,
        ...(thrown === undefined ? {} : { error: thrown }),
      }
      return [name, stats] as const
    }
    return {
      phase: this.#end ?? phase,
      read,
      filtered,
      deadLetters: letters.taken,
      dropped: depth?.dropped ?? 0,
      buffered: depth?.messages ?? 0,
      ...(position === undefined ? {} : { position }),
      sinks: Object.fromEntries([...sinks].map(statsOf)),
      ...(error === undefined ? {} : { error }),
    }
  }

  async stop(): Promise<void> {
    this.#isHeard = true
    await this.#drain()
    await this.#finished
  }

  /** What nobody has heard of yet is thrown; what somebody has is not thrown twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    const wasHeard = this.#isHeard
    await this.#drain()
    await this.#finished.catch((error: unknown) => {
      if (!wasHeard) throw error
    })
  }

  async #drain(): Promise<void> {
    if (this.#end !== undefined) return
    this.#isStopped = true
    await this.#parts.run[Symbol.asyncDispose]()
  }

  async #ended(): Promise<void> {
    const { run, stack } = this.#parts
    const failure = await run.ended()
    this.#end = failure !== undefined ? 'failed' : this.#isStopped ? 'stopped' : 'finished'
    await stack.disposeAsync()
    if (failure !== undefined) throw failure.error
  }
}
