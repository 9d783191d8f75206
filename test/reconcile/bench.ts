import type { Manifest } from '../../src/manifest/manifest.ts'
import type { Origin, Snapshot } from '../../src/origin/origin.ts'
import { Engine, type EngineOptions } from '../../src/reconcile/engine.ts'
import type { Log } from '../../src/reconcile/log.ts'
import type { Plan } from '../../src/reconcile/plan.ts'
import { FakeClock, settle } from '../fake-clock.ts'
import { type SnapshotOptions, snapshot, withTables } from './manifests.ts'
import { MemoryLedger } from './memory-ledger.ts'
import { World } from './world.ts'

/** An origin that yields what a test shows it. */
export class Feed implements Origin {
  #shown: Snapshot | undefined
  #wake: () => void = () => undefined
  /** While true it cannot be followed. */
  broken = false

  show(next: Snapshot): void {
    this.#shown = next
    this.#wake()
  }

  async *snapshots(signal: AbortSignal): AsyncIterable<Snapshot> {
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    let yielded: Snapshot | undefined
    while (!signal.aborted) {
      if (this.broken) throw new Error('not mounted')
      if (this.#shown !== undefined && this.#shown !== yielded) {
        yielded = this.#shown
        yield yielded
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  async read(): Promise<Snapshot> {
    if (this.#shown === undefined) throw new Error('nothing is shown')
    return this.#shown
  }

  wake(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export interface BenchParts {
  readonly world?: World
  readonly ledger?: MemoryLedger
  readonly clock?: FakeClock
  readonly options?: Partial<EngineOptions>
}

/** An engine that runs over a world, a ledger and a clock that the next one may go on with. */
export class Bench implements AsyncDisposable {
  readonly world: World
  readonly ledger: MemoryLedger
  readonly clock: FakeClock
  readonly feed = new Feed()
  readonly engine: Engine
  readonly stop = new AbortController()
  readonly abort = new AbortController()
  readonly running: Promise<void>

  constructor(parts: BenchParts = {}) {
    this.world = parts.world ?? new World()
    this.ledger = parts.ledger ?? new MemoryLedger()
    this.clock = parts.clock ?? new FakeClock()
    this.engine = new Engine({
      origin: this.feed,
      controllers: this.world.controllers(),
      ledger: this.ledger,
      clock: this.clock,
      log: silent,
      derive: withTables,
      backoff: (attempt) => 1_000 * 2 ** (attempt - 1),
      ...parts.options,
    })
    this.running = this.engine.run(this.stop.signal, this.abort.signal)
  }

  /** Puts manifests in force and waits until nothing is left to do at the moment. */
  async apply(manifests: readonly Manifest[], options: SnapshotOptions = {}): Promise<void> {
    await this.engine.accept(snapshot(manifests, options))
    await this.engine.settled()
  }

  plan(manifests: readonly Manifest[], options: SnapshotOptions = {}): Promise<Plan> {
    return this.engine.plan(snapshot(manifests, options))
  }

  /** Looks at everything once, as the timer does. */
  async resync(): Promise<void> {
    this.engine.resync()
    await this.engine.settled()
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    await settle()
  }

  /** `Kind/name` → what came of it. */
  get states(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.engine.state().resources.map(({ key, outcome }) => [key, outcome.state]))
  }

  outcome(key: string): string {
    const outcome = this.engine.resource(key)?.outcome
    if (outcome === undefined) return 'absent'
    switch (outcome.state) {
      case 'waiting':
        return outcome.until === undefined
          ? `waiting on ${outcome.on}`
          : `waiting until ${new Date(outcome.until).toISOString()}`
      case 'retry':
        return `retry ${outcome.attempt} in ${outcome.notBefore - this.clock.now()} ms: ${outcome.error.code}`
      case 'stalled':
        return `stalled: ${outcome.error.code}`
      case 'blocked':
        return `blocked: ${outcome.error.code}`
      default:
        return outcome.state
    }
  }

  /** The hash that a blocked resource waits for. */
  approval(key: string): string {
    const outcome = this.engine.resource(key)?.outcome
    if (outcome?.state !== 'blocked') throw new Error(`${key} is ${this.outcome(key)}`)
    return outcome.approval
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort()
    await this.running
  }
}

/** What a world looks like that never had to do with anything but these manifests. */
export async function freshContents(manifests: readonly Manifest[]): Promise<World['contents']> {
  await using bench = new Bench()
  await bench.apply(manifests)
  return bench.world.contents
}
