import type { HermesError } from '../errors.ts'
import type { Key } from '../manifest/manifest.ts'
import type { Offer } from './approval.ts'
import type { Outcome } from './controller.ts'
import type { Guard } from './guard.ts'
import { Queue } from './queue.ts'
import type { Entries, Wanted } from './subject.ts'
import type { Target } from './target.ts'

/** An outcome, or that a first lap, or the lap after a change, has not ended yet. */
export type Progress = Outcome | { readonly state: 'progressing' }

/** One resource as the engine has it in hand. */
export interface Resource {
  readonly key: Key
  wanted: Wanted
  outcome: Progress
  /** Failed attempts in a row. */
  attempt: number
  /** Grows with each change of what is wanted: a lap that began before does not report. */
  version: number
  /** Whether the last lap that ended left it ready; the next one then tells its dependents when it no longer is. */
  wasReady: boolean
  offer: Offer | undefined
}

const ready: Outcome = { state: 'ready' }
const progressing: Progress = { state: 'progressing' }
const wokenByReady: ReadonlySet<string> = new Set(['waiting', 'stalled'])
const wokenByLoss: ReadonlySet<string> = new Set(['ready'])

/** What is wanted now, what came of it, and who has to look again when something changes. */
export class Board {
  readonly queue = new Queue()
  readonly resources = new Map<Key, Resource>()
  target: Target | undefined
  /** What keeps all laps or the ledger from working, until one works again. */
  trouble: HermesError | undefined
  #changed = new Set<Key>()
  /** Keys that became ready, or no longer are. */
  readonly #touched = new Set<Key>()
  /** Keys that somebody let go of. */
  readonly #released = new Set<Key>()

  /** Takes a new target over and queues whatever it changes. */
  adopt(target: Target): void {
    const before = this.target
    this.target = target
    if (target.edits === undefined) {
      for (const key of this.resources.keys()) if (!target.wanted.has(key)) this.#forget(key)
    }
    for (const wanted of target.edits ?? target.wanted.values()) this.#adopt(wanted)
    this.wake()
    if (before === undefined) return
    for (const resource of this.resources.values()) {
      if (resource.outcome.state === 'blocked' || resource.wanted.desired === undefined) this.queue.add(resource.key)
    }
  }

  /** Notes what a lap came to; `wake` then queues who waits for it. */
  report(resource: Resource, outcome: Outcome): void {
    if (outcome.state === 'waiting' && outcome.until !== undefined) this.queue.later(resource.key, outcome.until)
    if (isRepeated(resource.outcome, outcome)) return
    resource.outcome = outcome.state === 'ready' ? ready : outcome
    resource.attempt = outcome.state === 'retry' ? outcome.attempt : 0
    if (outcome.state !== 'blocked') resource.offer = undefined
    if (outcome.state === 'retry') this.queue.later(resource.key, outcome.notBefore)
    this.#changed.add(resource.key)
    const isReady = outcome.state === 'ready'
    if (isReady || resource.wasReady) this.#touched.add(resource.key)
    if (isReady && resource.wanted.takesFrom !== undefined) this.#released.add(resource.wanted.takesFrom)
    resource.wasReady = isReady
  }

  /** Whether nothing about a resource changed since its lap began. */
  isCurrent(resource: Resource, version: number): boolean {
    return resource.version === version && this.resources.get(resource.key) === resource
  }

  /** The keys that a guard holds: still there, and not approved. */
  heldBy(guard: Guard, entries: Entries): readonly Key[] {
    return [...guard.keys].filter((key) => this.resources.has(key) && entries.get(key)?.approved !== guard.token)
  }

  /** The keys that are to go. */
  removals(): ReadonlySet<Key> {
    const going = this.resources.values().filter((resource) => resource.wanted.desired === undefined)
    return new Set(going.map((resource) => resource.key))
  }

  /** A resource is gone from the world and the ledger. */
  remove(resource: Resource): void {
    this.#forget(resource.key)
  }

  /** Something lets go of these keys: their removal may go on. */
  release(keys: Iterable<Key>): void {
    for (const key of keys) this.#released.add(key)
  }

  /**
   * Queues whoever has to look again after what was reported. A key whose lap runs is queued too: it may have looked
   * before.
   */
  wake(): void {
    for (const key of this.#touched) {
      const wakes = this.#isReady(key) ? wokenByReady : wokenByLoss
      for (const dependent of this.target?.dependents.get(key) ?? []) this.#wake(dependent, wakes)
    }
    for (const key of this.#released) {
      if (this.resources.get(key)?.wanted.desired === undefined) this.#wake(key, wokenByReady)
    }
    this.#touched.clear()
    this.#released.clear()
  }

  /** The keys whose state changed since the last call. */
  changes(): ReadonlySet<Key> {
    const changed = this.#changed
    if (changed.size > 0) this.#changed = new Set()
    return changed
  }

  #adopt(wanted: Wanted): void {
    const known = this.resources.get(wanted.key)
    if (known === undefined) {
      const fresh = { attempt: 0, version: 0, wasReady: false, offer: undefined }
      this.resources.set(wanted.key, { key: wanted.key, wanted, outcome: progressing, ...fresh })
    } else {
      const before = known.wanted
      if (before === wanted) return
      known.wanted = wanted
      if (isSame(before, wanted)) {
        if (before.held !== wanted.held) this.#changed.add(wanted.key)
        return
      }
      known.outcome = progressing
      known.attempt = 0
      known.version += 1
      if (wanted.desired === undefined) this.#touched.add(wanted.key)
    }
    this.#changed.add(wanted.key)
    this.queue.add(wanted.key)
  }

  #forget(key: Key): void {
    this.resources.delete(key)
    this.queue.drop(key)
    this.#changed.add(key)
    this.#touched.add(key)
  }

  #wake(key: Key, states: ReadonlySet<string>): void {
    const resource = this.resources.get(key)
    if (resource === undefined) return
    if (this.queue.isRunning(key) || states.has(resource.outcome.state)) this.queue.add(key)
  }

  #isReady(key: Key): boolean {
    const resource = this.resources.get(key)
    return resource?.outcome.state === 'ready' && resource.wanted.desired !== undefined
  }
}

function isRepeated(before: Progress, after: Outcome): boolean {
  if (after.state === 'waiting') {
    return before.state === 'waiting' && before.on === after.on && before.until === after.until
  }
  return after.state === 'ready' && before.state === 'ready'
}

function isSame(before: Wanted, after: Wanted): boolean {
  return (
    before.desired?.hash === after.desired?.hash &&
    before.takesFrom === after.takesFrom &&
    before.takenBy === after.takenBy
  )
}
