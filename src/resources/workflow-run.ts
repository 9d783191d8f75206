import type { Clock } from '../clock.ts'
import { type HermesError, toHermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Buffer, Depth } from '../stream/buffer.ts'
import type { Log } from '../stream/connector.ts'
import { Inlet } from '../stream/inlet.ts'
import { runPipeline } from '../stream/pipeline.ts'
import { retryDelayMs } from '../stream/schedule.ts'
import type { BranchHealth } from '../stream/sink-branch.ts'
import type { OpenWorkflow } from './open-workflow.ts'
import { PositionKeeper, type Positions } from './position-keeper.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { workflowView } from './workflow-view.ts'

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
  /** Messages that are durable since it started. */
  readonly position?: unknown
  readonly depth?: Depth
  readonly sinks: readonly (BranchHealth & { readonly name: string })[]
}

export interface WorkflowRunOptions {
  readonly manifest: Manifest<WorkflowSpec>
  /** Already open, for the first start. */
  readonly opened?: OpenWorkflow
  readonly open: () => Promise<OpenWorkflow>
  readonly clock: Clock
  readonly log: Log
  readonly positions: Positions
  readonly onChange: () => void
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
  #phase: WorkflowPhase = 'starting'
  #failures = 0
  #error: HermesError | undefined
  #againAt: number | undefined
  #done: Promise<void> = Promise.resolve()

  constructor(options: WorkflowRunOptions) {
    const { manifest, positions, clock, log, opened } = options
    this.#options = options
    this.#opened = opened
    this.#keeper = new PositionKeeper({ workflow: manifest.name, positions, clock, log })
  }

  get hash(): string {
    return this.#options.manifest.hash
  }

  get health(): WorkflowHealth {
    const position = this.#keeper.position
    return {
      phase: this.#phase,
      failures: this.#failures,
      sinks: this.#opened?.sinks.map(({ name, branch }) => ({ name, ...branch.health })) ?? [],
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#againAt === undefined ? {} : { againAt: this.#againAt }),
      ...(position === undefined ? {} : { position }),
      ...(this.#buffer === undefined ? {} : { depth: this.#buffer.depth() }),
    }
  }

  start(): void {
    this.#done = this.#run()
  }

  /** What was read reaches the sinks, as far as that takes no longer than the manifest allows. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, manifest } = this.#options
    const timer = new AbortController()
    this.#stop.abort()
    this.#enter('stopping')
    const late = clock.sleep(workflowView(manifest).drainMs, timer.signal).then(
      () => this.#abort.abort(new Error('not drained in time')),
      () => undefined,
    )
    await this.#done
    timer.abort()
    await late
  }

  async #run(): Promise<void> {
    const { clock, log, manifest } = this.#options
    while (!this.#stop.signal.aborted) {
      const began = clock.now()
      try {
        await this.#once()
        this.#settle()
        if (!this.#stop.signal.aborted) this.#enter('finished')
        break
      } catch (thrown) {
        if (this.#stop.signal.aborted) break
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
    await this.#keeper.end()
  }

  async #once(): Promise<void> {
    const { open, clock } = this.#options
    this.#enter('starting')
    await using opened = this.#opened ?? (await open())
    this.#opened = opened
    try {
      await using buffer = await opened.openBuffer()
      this.#buffer = buffer
      const { position: from, state } = await this.#keeper.read()
      const stage = await opened.openStage(state)
      this.#enter('running')
      const { source, sinks, keepsPosition } = opened
      await runPipeline({
        source,
        from,
        stage,
        inlet: this.inlet,
        buffer,
        branches: sinks.map(({ branch }) => branch),
        stop: this.#stop.signal,
        signal: this.#abort.signal,
        clock,
        onAck: (position, stepState) => {
          if (this.#failures > 0) this.#settle()
          if (source.ack === undefined && !keepsPosition) this.#keeper.moved(position, stepState)
        },
      })
    } finally {
      this.#buffer = undefined
      this.#opened = undefined
      await this.#keeper.flush()
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
