import type { Key, Problem } from '../manifest/manifest.ts'
import { opensText } from '../manifest/sync-window.ts'
import { placeOf } from '../place.ts'
import type { EngineEvent } from '../reconcile/engine-event.ts'
import type { ResourceState } from '../reconcile/state.ts'
import { reasonOf } from './derive-status.ts'
import type { EventLog } from './events.ts'

/** What became of one fetch, as far as it is told. */
interface FetchEnd {
  readonly outcome: 'finished' | 'interrupted' | 'failed'
  readonly rows: number
  readonly error?: { readonly code: string; readonly message: string }
}

/**
 * Tells an event log what the engine and the fetches come to. Of what goes well only the change is told: the first
 * fetch, and that something works again.
 */
export class EventObserver {
  readonly #log: EventLog
  #revision: string | undefined
  #problems: ReadonlySet<string> = new Set()
  /** Resources whose last lap failed. */
  readonly #failing = new Set<Key>()
  /** Sources that were fetched since the start, by how that ended last. */
  readonly #fetched = new Map<Key, 'finished' | 'failed'>()

  constructor(log: EventLog) {
    this.#log = log
  }

  /** Something that no state tells afterwards. */
  happened(event: EngineEvent): void {
    switch (event.type) {
      case 'step':
        return this.#normal(event.key, 'StepApplied', `${event.step.summary}, because ${event.step.reason}`)
      case 'approved':
        return event.keys.forEach((key) => this.#normal(key, 'Approved', `approved ${event.approval}`))
      case 'refused':
        return this.#warning(undefined, 'RevisionRefused', `${event.error.message} (${event.error.code})`)
      case 'accepted':
        return this.#accepted(event.revision, event.problems)
      default:
        return event satisfies never
    }
  }

  /** The state of a resource changed; undefined when it is gone. */
  changed(key: Key, state: ResourceState | undefined): void {
    const outcome = state?.outcome
    switch (outcome?.state) {
      case 'retry':
      case 'stalled':
        this.#failing.add(key)
        return this.#warning(key, reasonOf(outcome.error.code), outcome.error.message)
      case 'blocked':
        return this.#warning(key, reasonOf(outcome.error.code), `${outcome.error.message}: ${outcome.approval}`)
      case 'waiting':
        if (outcome.until === undefined) return
        return this.#normal(key, 'SyncWindow', `waits for its window, which ${opensText(outcome.until)}`)
      case 'ready':
        if (this.#failing.delete(key)) this.#normal(key, 'Recovered', 'it is as its manifest says again')
        return
      case undefined:
        return this.#forget(key)
      default:
    }
  }

  /** A fetch of a source ended. */
  fetched(source: string, { outcome, rows, error }: FetchEnd): void {
    const key = `SourceDefinition/${source}`
    const before = this.#fetched.get(key)
    if (outcome === 'interrupted') return
    this.#fetched.set(key, outcome)
    if (error !== undefined) return this.#warning(key, reasonOf(error.code), `the fetch failed: ${error.message}`)
    if (before === 'failed') this.#normal(key, 'FetchRecovered', 'it is fetched again')
    if (before === undefined)
      this.#normal(key, 'FirstFetch', `its first fetch since the start brought ${rows} ${rows === 1 ? 'row' : 'rows'}`)
  }

  /** The same revision comes again when only what is wrong with it changed. */
  #accepted(revision: string, problems: readonly Problem[]): void {
    if (revision !== this.#revision) this.#normal(undefined, 'RevisionAccepted', `${revision} is in force`)
    this.#revision = revision
    const before = this.#problems
    this.#problems = new Set(problems.map(placeAndMessage))
    for (const problem of problems) {
      const message = placeAndMessage(problem)
      if (!before.has(message)) this.#warning(undefined, reasonOf(problem.code), message)
    }
  }

  #forget(key: Key): void {
    this.#failing.delete(key)
    this.#fetched.delete(key)
  }

  #normal(key: Key | undefined, reason: string, message: string): void {
    this.#log.record({ type: 'normal', reason, message, ...(key === undefined ? {} : { key }) })
  }

  #warning(key: Key | undefined, reason: string, message: string): void {
    this.#log.record({ type: 'warning', reason, message, ...(key === undefined ? {} : { key }) })
  }
}

function placeAndMessage({ at, message }: Problem): string {
  return `${placeOf(at, true)} ${message}`
}
