import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Log } from '../stream/connector.ts'
import type { Inlet } from '../stream/inlet.ts'
import type { OpenWorkflow, WorkflowObserver } from './open-workflow.ts'
import type { Positions } from './position-keeper.ts'
import { workflowNodes } from './workflow-nodes.ts'
import { type DrainSignals, type WorkflowHealth, WorkflowRun } from './workflow-run.ts'
import type { WorkflowSpec } from './workflow-spec.ts'

export interface WorkflowRunnerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly positions: Positions
  readonly open: (manifest: Manifest<WorkflowSpec>, observer: WorkflowObserver) => Promise<OpenWorkflow>
  readonly observer: (workflow: string) => WorkflowObserver
  /** Sends the dead letters of a workflow again; resolves when they went through. */
  readonly drain: (workflow: string, inlet: Inlet, signals: DrainSignals) => Promise<void>
  /** Called when a workflow's state changed. */
  readonly onChange: (workflow: string) => void
}

/** How long source and sinks may take to say that they could work. */
const PING_MS = 10_000

/** Runs the workflows that are in force, each by itself, and starts again what fails. */
export class WorkflowRunner implements AsyncDisposable {
  readonly #options: WorkflowRunnerOptions
  readonly #runs = new Map<string, WorkflowRun>()
  /** Of changes to one workflow: one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #isLive = false
  #isClosed = false

  constructor(options: WorkflowRunnerOptions) {
    this.#options = options
  }

  /** From now on workflows run; before, nothing is started. */
  start(): void {
    this.#isLive = true
  }

  health(name: string): WorkflowHealth | undefined {
    return this.#runs.get(name)?.health
  }

  /** The nodes of one that runs, as it was declared; none of any other. */
  nodes(name: string): readonly string[] {
    const run = this.#runs.get(name)
    return run === undefined ? [] : workflowNodes(run.manifest)
  }

  /** The side door of a workflow. Throws `not_in_force` for one that does not run. */
  inlet(name: string): Inlet {
    const run = this.#runs.get(name)
    if (run === undefined)
      throw new HermesError('not_in_force', `workflow ${name} does not run`, {
        fix: 'See what keeps it with `hermes-status`.',
      })
    return run.inlet
  }

  get names(): readonly string[] {
    return [...this.#runs.keys()]
  }

  /** Those that run, as they were declared. */
  get manifests(): readonly Manifest<WorkflowSpec>[] {
    return [...this.#runs.values()].map(({ manifest }) => manifest)
  }

  /**
   * Puts a workflow in the place of the one that runs under its name. The new one is open, and source and sinks have
   * answered, before the old one stops, which drains first; when that fails the old one goes on and the error is thrown.
   */
  async change(manifest: Manifest<WorkflowSpec>, signal: AbortSignal): Promise<void> {
    if (!this.#isLive || manifest.spec.suspend) return
    await this.#inTurn(manifest.name, async () => {
      const opened = await this.#options.open(manifest, this.#options.observer(manifest.name))
      try {
        await opened.ping(AbortSignal.any([signal, AbortSignal.timeout(PING_MS)]))
      } catch (error) {
        await opened[Symbol.asyncDispose]()
        signal.throwIfAborted()
        throw toHermesError(error, 'connector_unavailable')
      }
      await this.#replace(manifest, opened)
    })
  }

  /** Has a workflow run as declared, if it does not: after a start, or when it was suspended. Does not wait for it. */
  ensure(manifest: Manifest<WorkflowSpec>): void {
    if (!this.#isLive || this.#isClosed) return
    void this.#inTurn(manifest.name, async () => {
      if (this.#runs.get(manifest.name)?.manifest.hash === manifest.hash) return
      await this.#replace(manifest, undefined)
    })
  }

  /** Stops a workflow, if it runs, and resolves when it has ended; its position stays. */
  async stop(name: string): Promise<void> {
    await this.#inTurn(name, () => this.#end(name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const left = new Set([...this.#runs.keys(), ...this.#turns.keys()])
    while (left.size > 0) {
      const next = this.#notFed(left)
      await Promise.all(next.map((name) => this.stop(name)))
      for (const name of next) left.delete(name)
    }
  }

  /** Those that none of the others hands messages to, so that what these drain finds its way; all in a circle. */
  #notFed(names: ReadonlySet<string>): readonly string[] {
    const fed = new Set([...names].flatMap((name) => this.#runs.get(name)?.feeds ?? []))
    const free = [...names].filter((name) => !fed.has(name))
    return free.length > 0 ? free : [...names]
  }

  async #replace(manifest: Manifest<WorkflowSpec>, opened: OpenWorkflow | undefined): Promise<void> {
    const { name } = manifest
    await this.#end(name)
    if (this.#isClosed) return await opened?.[Symbol.asyncDispose]()
    const run = new WorkflowRun({
      manifest,
      ...(opened === undefined ? {} : { opened }),
      ...this.#options,
      open: () => this.#options.open(manifest, this.#options.observer(name)),
      onChange: () => this.#options.onChange(name),
    })
    this.#runs.set(name, run)
    run.start()
  }

  async #end(name: string): Promise<void> {
    const run = this.#runs.get(name)
    if (run === undefined) return
    await run[Symbol.asyncDispose]()
    this.#runs.delete(name)
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve()
    const next = before.catch(() => undefined).then(work)
    this.#turns.set(name, next)
    const done = (): void => {
      if (this.#turns.get(name) === next) this.#turns.delete(name)
    }
    next.then(done, done)
    return next
  }
}
