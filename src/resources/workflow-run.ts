import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Buffer, Depth } from '../stream/buffer.ts'
import type { Log } from '../stream/connector.ts'
import { InFlight } from '../stream/in-flight.ts'
import { Inlet } from '../stream/inlet.ts'
import { runPipeline } from '../stream/pipeline.ts'
import { retryDelayMs } from '../stream/schedule.ts'
import type { BranchHealth } from '../stream/sink-branch.ts'
import { isPositionKept } from '../stream/source.ts'
import type { OpenWorkflow } from './open-workflow.ts'
import { PositionKeeper, type Positions } from './position-keeper.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { workflowsFed, workflowView } from './workflow-view.ts'

/** `starting` before the first message may come, `finished` when the source ended, `failed` while it waits to start again. */
export type WorkflowPhase = 'starting' | 'running' | 'finished' | 'failed' | 'stopping'

/** How a workflow does, as this process knows it. */
export interface WorkflowHealth {
  readonly phase: WorkflowPhase
  /** Failures in a row, and the last of them; absent when it runs well. */
  readonly failures: number
  readonly error?: HermesError
  /** When a failed one starts again, milliseconds since the epoch. */
  readonly againAt?: number
  /** Everything up to here is durable; in the words of the source. */
  readonly position?: unknown
  /** What was read and is not durable yet; absent while it does not run. */
  readonly lag?: { readonly messages: number; readonly ms: number }
  readonly depth?: Depth
  /** Why its source gives nothing just now, though it is read. */
  readonly trouble?: HermesError
  /** Why the dead letters take nothing just now: what failed waits, and the source with it. */
  readonly lettersTrouble?: HermesError
  readonly sinks: readonly (BranchHealth & { readonly name: string })[]
}

/** `stop` ends after what is under way, `signal` gives up. */
export interface DrainSignals {
  readonly stop: AbortSignal
  readonly signal: AbortSignal
}

export interface WorkflowRunOptions {
  readonly manifest: Manifest<WorkflowSpec>
  /** Already open, for the first start. */
  readonly opened?: OpenWorkflow
  readonly open: () => Promise<OpenWorkflow>
  readonly clock: Clock
  readonly log: Log
  readonly positions: Positions
  /** Sends the dead letters of the workflow again; resolves when they went through. Absent where there are none. */
  readonly drain?: (workflow: string, inlet: Inlet, signals: DrainSignals) => Promise<void>
  readonly onChange: () => void
  /** Whether a failure ends it; absent: it starts again after each. */
  readonly isFinal?: (error: unknown) => boolean
}

/** What kept a run from its end. */
export interface WorkflowFailure {
  readonly error: unknown
}

/** A run that lasted so long was no crash loop: the next pause is the shortest again. */
const GOOD_MS = 60_000

/** One workflow as one manifest declares it: runs until it is disposed, which drains within the manifest's bound. */
export class WorkflowRun implements AsyncDisposable {
  readonly #options: WorkflowRunOptions
  readonly #stop = new AbortController()
  readonly #abort = new AbortController()
  readonly #keeper: PositionKeeper
  /** Dead letters go in again here. */
  readonly inlet = new Inlet()
  #opened: OpenWorkflow | undefined
  #buffer: Buffer | undefined
  #inFlight: InFlight | undefined
  /** Of a source that keeps its place itself. */
  #acked: unknown
  #phase: WorkflowPhase = 'starting'
  #failures = 0
  #error: HermesError | undefined
  #againAt: number | undefined
  #failure: WorkflowFailure | undefined
  #done: Promise<void> = Promise.resolve()

  constructor(options: WorkflowRunOptions) {
    const { manifest, positions, clock, log, opened } = options
    this.#options = options
    this.#opened = opened
    this.#keeper = new PositionKeeper({ workflow: manifest.name, positions, clock, log })
  }

  get manifest(): Manifest<WorkflowSpec> {
    return this.#options.manifest
  }

  /** Names of the workflows that it hands messages to. */
  get feeds(): readonly string[] {
    return workflowsFed(this.#options.manifest.spec)
  }

  get health(): WorkflowHealth {
    const position = this.#keeper.position ?? this.#acked
    const inFlight = this.#inFlight
    const trouble = this.#opened?.source.trouble?.()
    const lettersTrouble = this.#opened?.lettersTrouble()
    return {
      phase: this.#phase,
      failures: this.#failures,
      sinks: this.#opened?.sinks.map(({ name, branch }) => ({ name, ...branch.health })) ?? [],
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#againAt === undefined ? {} : { againAt: this.#againAt }),
      ...(position === undefined ? {} : { position }),
      ...(inFlight === undefined ? {} : { lag: { messages: inFlight.messages, ms: inFlight.ageMs } }),
      ...(trouble === undefined ? {} : { trouble }),
      ...(lettersTrouble === undefined ? {} : { lettersTrouble }),
      ...(this.#buffer === undefined ? {} : { depth: this.#buffer.depth() }),
    }
  }

  start(): void {
    this.#done = this.#run()
  }

  /** Resolves when nothing runs any more: the source ended, it was stopped, or a failure was final. */
  async ended(): Promise<WorkflowFailure | undefined> {
    await this.#done
    return this.#failure
  }

  /** Gives up at once: what is not written stays unwritten. */
  abort(reason: unknown): void {
    this.#stop.abort()
    this.#abort.abort(reason)
  }

  /** What was read reaches the sinks, as far as that takes no longer than the manifest allows. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, manifest } = this.#options
    const timer = new AbortController()
    this.#stop.abort()
    this.#enter('stopping')
    const { drainMs } = workflowView(manifest)
    const late = clock.sleep(drainMs, timer.signal).then(
      () => this.#abort.abort(notDrained(drainMs)),
      () => undefined,
    )
    await this.#done
    timer.abort()
    await late
  }

  async #run(): Promise<void> {
    const { clock, log, manifest, isFinal } = this.#options
    while (!this.#stop.signal.aborted) {
      const began = clock.now()
      try {
        await this.#once()
        this.#settle()
        if (!this.#stop.signal.aborted) this.#enter('finished')
        break
      } catch (thrown) {
        if (this.#stop.signal.aborted || isFinal?.(thrown) === true) {
          this.#fail(thrown)
          break
        }
        if (clock.now() - began > GOOD_MS) this.#failures = 0
        this.#failures += 1
        this.#error = toHermesError(thrown)
        const pause = Math.max(retryDelayMs(this.#failures, Math.random()), this.#error.retryAfterMs ?? 0)
        this.#againAt = clock.now() + pause
        const { code, message } = this.#error
        log.warn({ workflow: manifest.name, code, error: message, pauseMs: pause }, 'workflow failed')
        this.#enter('failed')
        await clock.sleep(pause, this.#stop.signal).catch(() => undefined)
      }
    }
    if (this.#abort.signal.aborted) this.#failure ??= { error: this.#abort.signal.reason }
    await this.#keeper.end()
  }

  #fail(error: unknown): void {
    this.#failure = { error }
    if (this.#stop.signal.aborted) return
    this.#failures += 1
    this.#error = toHermesError(error)
    this.#enter('failed')
  }

  async #once(): Promise<void> {
    const { open, clock, drain, manifest } = this.#options
    this.#enter('starting')
    await using opened = this.#opened ?? (await open())
    this.#opened = opened
    try {
      await using buffer = await opened.openBuffer()
      this.#buffer = buffer
      const { position: from, state } = await this.#keeper.read()
      const stage = await opened.openStage(state)
      this.#inFlight = new InFlight(clock)
      this.#enter('running')
      const { source, sinks, keepsPosition } = opened
      await runPipeline({
        source,
        from,
        stage,
        inlet: this.inlet,
        ...(drain !== undefined && workflowView(manifest).drainFirst
          ? { first: (stop, signal) => drain(manifest.name, this.inlet, { stop, signal }) }
          : {}),
        buffer,
        branches: sinks.map(({ branch }) => branch),
        stop: this.#stop.signal,
        signal: this.#abort.signal,
        clock,
        inFlight: this.#inFlight,
        onAck: (position, stepState) => {
          if (this.#failures > 0) this.#settle()
          this.#acked = position
          if (isPositionKept(source) && !keepsPosition) this.#keeper.moved(position, stepState)
        },
      })
    } finally {
      this.#buffer = undefined
      this.#inFlight = undefined
      this.#opened = undefined
      // At a stop its end follows, which waits for no database that is away.
      if (!this.#stop.signal.aborted) await this.#keeper.flush()
    }
  }

  #settle(): void {
    this.#failures = 0
    this.#error = undefined
    this.#againAt = undefined
  }

  #enter(phase: WorkflowPhase): void {
    if (this.#phase === phase) return
    this.#phase = phase
    this.#options.onChange()
  }
}

function notDrained(drainMs: number): HermesError {
  return new HermesError('not_drained', `what was read did not reach the sinks within ${drainMs / 1000} s`)
}
