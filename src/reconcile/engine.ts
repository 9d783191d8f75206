import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import type { Origin, Snapshot } from '../origin/origin.ts'
import { tokenFor } from './approval.ts'
import { type Backoff, exponentialBackoff } from './backoff.ts'
import { Bell } from './bell.ts'
import { Board } from './board.ts'
import type { Controller } from './controller.ts'
import type { EngineEvent } from './engine-event.ts'
import { Intake } from './intake.ts'
import { lap } from './lap.ts'
import { type Ledger, type LedgerEntry, newestClaim } from './ledger.ts'
import type { Log } from './log.ts'
import { Mirror } from './mirror.ts'
import { paced, yieldNow } from './pace.ts'
import type { Plan } from './plan.ts'
import { requirePlan } from './plan-hash.ts'
import { preview } from './preview.ts'
import { resolveTarget } from './resolve-target.ts'
import { type EngineState, engineState, type ResourceState, resourceState } from './state.ts'
import type { Entries, Kinds, Wanted } from './subject.ts'
import type { Derive, Target } from './target.ts'
import { Slots } from './turn.ts'
import type { Workshop } from './work.ts'

const lapsAtOnce = 4
const defaultResyncMs = 60_000
const defaultConcurrency = 6

export interface EngineOptions {
  readonly origin: Origin
  readonly controllers: readonly Controller[]
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  readonly derive: Derive
  /** Milliseconds between two looks at everything, for drift; a minute when absent. */
  readonly resyncMs?: number
  /** Resources whose steps run at the same time; 6 when absent. */
  readonly concurrency?: number
  readonly backoff?: Backoff
  /** Told how long each lap took, and over how many resources it went. */
  readonly onLap?: (lap: { readonly seconds: number; readonly resources: number }) => void
  /** Told what happened; what it throws is logged. */
  readonly onEvent?: (event: EngineEvent) => void
}

/** Told the keys whose state changed, those that are gone included. */
export type ChangeListener = (keys: ReadonlySet<Key>) => void

/** Brings the world to what the manifests say, and keeps it there. */
export class Engine {
  readonly #options: EngineOptions
  readonly #kinds: Kinds
  readonly #mirror: Mirror
  readonly #board = new Board()
  readonly #backoff: Backoff
  readonly #slots: Slots
  readonly #bell: Bell
  readonly #laps = new Set<Promise<void>>()
  readonly #listeners = new Set<ChangeListener>()
  readonly #settledWaiters = new Set<() => void>()
  readonly #intake: Intake
  #accepting = 0
  /** The reading of the ledger that the target in force was claimed in. */
  #claimedIn = 0

  constructor(options: EngineOptions) {
    this.#options = options
    this.#kinds = new Map(options.controllers.map((controller) => [controller.kind, controller]))
    this.#mirror = new Mirror(options.ledger, options.clock)
    this.#backoff = options.backoff ?? exponentialBackoff()
    this.#slots = new Slots(options.concurrency ?? defaultConcurrency)
    this.#bell = new Bell(options.clock)
    const accept = (snapshot: Snapshot): Promise<void> => this.accept(snapshot)
    this.#intake = new Intake({
      ...options,
      backoff: this.#backoff,
      accept,
      onProgress: () => this.#moveOn(),
      onTrouble: (error) => this.#report({ type: 'refused', error }),
    })
  }

  /**
   * Follows the origin until `stop` aborts: takes each snapshot in, laps what is due, looks at everything every
   * `resyncMs`. Resolves when the laps in hand have ended; `abort` gives their steps up. Never rejects: what fails is
   * tried again and shows in `state()`.
   */
  async run(stop: AbortSignal, abort: AbortSignal = new AbortController().signal): Promise<void> {
    const { clock, resyncMs = defaultResyncMs } = this.#options
    const shop = this.#workshop(stop, abort)
    const intake = this.#intake.follow(stop)
    let resyncAt = clock.now() + resyncMs
    while (!stop.aborted) {
      const now = clock.now()
      if (now >= resyncAt) {
        this.resync()
        resyncAt = now + resyncMs
      }
      this.#intake.take()
      this.#startLaps(now, shop)
      this.#progress()
      await this.#bell.wait(Math.min(resyncAt, this.#intake.dueAt, this.#lapAt()), stop)
    }
    await Promise.all([...this.#laps, intake])
  }

  /**
   * Makes a snapshot the one in force: every new or changed manifest is claimed in the ledger before any step runs
   * (invariants 1 and 3), and what it changes is queued. Rejects when the ledger cannot be read or written; then
   * nothing is in force that was not before.
   */
  async accept(snapshot: Snapshot): Promise<void> {
    this.#accepting += 1
    try {
      await this.#mirror.turn(async (ledger) => {
        const target = await this.#resolve(snapshot)
        const { guard, approvals, revision } = target
        const fresh = await this.#fresh(target)
        const unclaimed = await this.#unclaimed(fresh)
        await ledger.put(unclaimed, revision)
        if (guard !== undefined && approvals.has(guard.approval)) await ledger.approve([...guard.keys], guard.token)
        await paced(fresh, ({ key, desired }) => desired && this.#mirror.share(key, desired))
        this.#board.adopt(target)
        this.#claimedIn = this.#mirror.loads
        this.#report({ type: 'accepted', revision, problems: target.problems })
      })
    } finally {
      this.#accepting -= 1
      this.#moveOn()
    }
  }

  /** What `accept` and the laps after it would do with a snapshot. Changes nothing; rejects when it cannot look. */
  async plan(snapshot: Snapshot, signal: AbortSignal = new AbortController().signal): Promise<Plan> {
    const input = await this.#mirror.turn(async () => {
      const entries: Entries = new Map(this.#mirror.entries)
      return { entries, kinds: this.#kinds, now: this.#options.clock.now(), target: await this.#resolve(snapshot) }
    })
    return preview(input, signal)
  }

  /** Queues keys for a look, all of them when absent, behind what users changed; those that back off keep doing so. */
  resync(keys: Iterable<Key> = this.#board.resources.keys()): void {
    const now = this.#options.clock.now()
    for (const key of keys) {
      const outcome = this.#board.resources.get(key)?.outcome
      if (outcome === undefined || (outcome.state === 'retry' && outcome.notBefore > now)) continue
      this.#board.queue.add(key, 'resync')
    }
    this.#bell.ring()
  }

  /** Approves what is blocked under `hash` and lets it go on; returns its keys. Throws `approval_stale` for others. */
  async approve(hash: string): Promise<readonly Key[]> {
    const keys = (await this.#approveOffered(hash)) ?? (await this.#approvePlanned(hash))
    this.#goOn(keys, hash)
    return keys
  }

  /**
   * Approves all that the plan of a snapshot shows as blocked, each change by its own hash, and returns the keys. Throws
   * `plan_stale` when the plan has another hash, `approval_stale` when nothing of it is blocked.
   */
  async approvePlan(snapshot: Snapshot, hash: string): Promise<readonly Key[]> {
    const plan = await this.plan(snapshot)
    requirePlan(plan, hash)
    const blocked = plan.resources.flatMap(({ key, blocked: found }) =>
      found ? [{ key, token: tokenFor(found) }] : [],
    )
    if (blocked.length === 0) throw new HermesError('approval_stale', `nothing of the plan ${hash} waits for approval`)
    const keys = blocked.map(({ key }) => key)
    await this.#mirror.turn(async (ledger) => {
      const groups = Map.groupBy(blocked, ({ token }) => token)
      for (const [token, alike] of groups)
        await ledger.approve(
          alike.map(({ key }) => key),
          token,
        )
    })
    this.#goOn(keys, hash)
    return keys
  }

  #goOn(keys: readonly Key[], approval: string): void {
    for (const key of keys) if (this.#board.resources.has(key)) this.#board.queue.add(key)
    this.#report({ type: 'approved', keys, approval })
    this.#bell.ring()
  }

  #approveOffered(hash: string): Promise<readonly Key[] | undefined> {
    return this.#mirror.turn(async (ledger) => {
      const guard = this.#board.target?.guard
      const held = guard?.approval === hash ? this.#board.heldBy(guard, this.#mirror.entries) : []
      if (guard !== undefined && held.length > 0) {
        await ledger.approve(held, guard.token)
        return held
      }
      const blocked = [...this.#board.resources.values()].find((resource) => resource.offer?.approval === hash)
      if (blocked?.offer === undefined) return undefined
      await ledger.approve([blocked.key], blocked.offer.token)
      return [blocked.key]
    })
  }

  /** A plan shows the hash also of what waits for something else, and so was not offered yet. */
  async #approvePlanned(hash: string): Promise<readonly Key[]> {
    const { target } = this.#board
    const entries: Entries = await this.#mirror.turn(async () => new Map(this.#mirror.entries))
    const now = this.#options.clock.now()
    const plan = target && (await preview({ target, entries, kinds: this.#kinds, now }, new AbortController().signal))
    const planned = plan?.resources.find(({ blocked }) => blocked?.approval === hash)
    if (planned?.blocked === undefined) throw new HermesError('approval_stale', `nothing waits for approval of ${hash}`)
    const token = tokenFor(planned.blocked)
    await this.#mirror.turn((ledger) => ledger.approve([planned.key], token))
    return [planned.key]
  }

  /** Whether any snapshot was taken in since the start; before that the engine knows of no resource. */
  get isInForce(): boolean {
    return this.#board.target !== undefined
  }

  /** Everything the engine knows at the moment. */
  state(): EngineState {
    const state = engineState(this.#board, this.#mirror.entries, this.#kinds)
    const { trouble } = this.#intake
    return trouble === undefined ? state : { ...state, trouble }
  }

  /** One resource of `state()`; undefined when it is not known, or gone. */
  resource(key: Key): ResourceState | undefined {
    const resource = this.#board.resources.get(key)
    return resource && resourceState(resource, this.#mirror.entries, this.#kinds)
  }

  /** Calls `listener` after each change of state, in bulk, until the returned function is called. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * Resolves when a snapshot is in force and nothing is left to do at the moment: what backs off, waits or is blocked
   * does not count. Rejects with the signal's reason when it aborts first.
   */
  async settled(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#isSettled()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => reject(toHermesError(signal?.reason))
    this.#settledWaiters.add(resolve)
    signal?.addEventListener('abort', onAbort, { once: true })
    await promise.finally(() => {
      this.#settledWaiters.delete(resolve)
      signal?.removeEventListener('abort', onAbort)
    })
  }

  #resolve(snapshot: Snapshot): Promise<Target> {
    const { entries } = this.#mirror
    const before = this.#inForce
    const { derive } = this.#options
    return resolveTarget({ snapshot, entries, kinds: this.#kinds, derive, ...(before && { before }) })
  }

  /** The target whose claims the ledger is known to hold. */
  get #inForce(): Target | undefined {
    return this.#claimedIn === this.#mirror.loads ? this.#board.target : undefined
  }

  /** What differs from the target in force. */
  async #fresh(target: Target): Promise<readonly Wanted[]> {
    if (target.edits !== undefined) return target.edits
    const before = this.#inForce?.wanted
    const fresh: Wanted[] = []
    await paced(target.wanted.values(), (wanted) => {
      if (before?.get(wanted.key) !== wanted) fresh.push(wanted)
    })
    return fresh
  }

  /** What the ledger does not know yet, or knows at another place. */
  async #unclaimed(fresh: readonly Wanted[]): Promise<readonly Manifest[]> {
    const unclaimed: Manifest[] = []
    await paced(fresh, ({ key, desired }) => {
      const entry = this.#mirror.entries.get(key)
      if (desired !== undefined && !isClaimed(desired, entry)) unclaimed.push(desired)
    })
    await yieldNow()
    return unclaimed
  }

  #startLaps(now: number, shop: Workshop): void {
    while (this.#laps.size < lapsAtOnce) {
      const keys = this.#board.queue.take(now)
      if (keys.length === 0) return
      const began = this.#options.clock.now()
      const running = lap(keys, shop).finally(() => {
        this.#laps.delete(running)
        this.#options.onLap?.({ seconds: (this.#options.clock.now() - began) / 1_000, resources: keys.length })
        this.#progress()
        this.#bell.ring()
      })
      this.#laps.add(running)
    }
  }

  /** When the next key that backs off is due, if there is room for its lap. */
  #lapAt(): number {
    return this.#laps.size < lapsAtOnce ? this.#board.queue.nextAt : Number.POSITIVE_INFINITY
  }

  #workshop(stop: AbortSignal, abort: AbortSignal): Workshop {
    const { clock, log } = this.#options
    const onProgress = (): void => {
      this.#progress()
      if (this.#board.queue.due) this.#bell.ring()
    }
    const parts = { kinds: this.#kinds, board: this.#board, mirror: this.#mirror, slots: this.#slots }
    const onEvent = (event: EngineEvent): void => this.#report(event)
    return { ...parts, backoff: this.#backoff, clock, log, stop, abort, onProgress, onEvent }
  }

  /** Something came or ended: tells so, and has the loop look what is to do next. */
  #moveOn(): void {
    this.#progress()
    this.#bell.ring()
  }

  /** Tells listeners what changed, and those who wait that nothing is left to do. */
  #progress(): void {
    const changed = this.#board.changes()
    if (changed.size > 0) for (const listener of this.#listeners) this.#tell(listener, changed)
    if (this.#settledWaiters.size > 0 && this.#isSettled()) for (const resolve of this.#settledWaiters) resolve()
  }

  #tell(listener: ChangeListener, changed: ReadonlySet<Key>): void {
    try {
      listener(changed)
    } catch (error) {
      this.#options.log.error({ error: toHermesError(error).message }, 'change listener failed')
    }
  }

  #report(event: EngineEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch (error) {
      this.#options.log.error({ error: toHermesError(error).message }, 'event listener failed')
    }
  }

  #isSettled(): boolean {
    return (
      this.isInForce && this.#intake.isDone && this.#accepting === 0 && this.#laps.size === 0 && this.#board.queue.idle
    )
  }
}

function isClaimed({ hash, at }: Manifest, entry: LedgerEntry | undefined): boolean {
  if (entry === undefined || newestClaim(entry)?.hash !== hash) return false
  return entry.at.file === at.file && entry.at.line === at.line
}
