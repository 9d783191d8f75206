import { type Clock, systemClock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { Manifest, Problem } from '../../manifest/manifest.ts'
import { problem, startOf } from '../../manifest/problem.ts'
import type { ReadManifests } from '../../manifest/read.ts'
import type { Origin, Snapshot } from '../origin.ts'
import { WakeUps } from '../wake-ups.ts'
import { entriesAt } from './entries-at.ts'
import { failureOf, isOurs } from './git-failure.ts'
import type { GitHead } from './git-ref.ts'
import { GitState } from './git-state.ts'
import { EMPTY_TREE, type GitRepository } from './repository.ts'
import type { Verifier } from './verify.ts'

export interface GitOriginOptions {
  readonly repository: GitRepository
  /** Stands in problems; without credentials. */
  readonly address: string
  /** Directory in the repository, without slashes at its ends; empty for all of it. */
  readonly path: string
  readonly read: ReadManifests
  /** Milliseconds between two looks at the repository. */
  readonly intervalMs: number
  /** Decides which commits may come into force. */
  readonly verify?: Verifier['verify']
  readonly clock?: Clock
  readonly log?: { warn(fields: object, message: string): void }
}

/** The newest commit of what is followed. */
export interface Newest extends GitHead {
  /** Its tree below the path. */
  readonly tree: string
  /** What is in force with it. */
  readonly manifests: readonly Manifest[]
}

/** An origin that tells which commit it is at. */
export interface RepositoryOrigin extends Origin {
  /**
   * Looks now. Throws what keeps the newest commit from being in force. With `mayBegin` a path that is not in the
   * repository yet is an empty directory; not so one from which anything was ever in force, or where a file is in the way.
   */
  newest(signal: AbortSignal, mayBegin?: boolean): Promise<Newest>
}

/** Who tells of pushes waits for the end of a burst himself. */
const AT_ONCE = { settleMs: 0, maxSettleMs: 0 }
/** Who reads several times in a row is answered from one look. */
const FRESH_MS = 2_000
/** To make a large clone anew costs the other side a lot. */
const INCURABLE_MS = 600_000

/**
 * Reads manifests from a repository at one commit at a time, again every interval and when woken. Whatever fails (server,
 * network, disk, clone, signature; a branch or path that is gone), the last good commit stays in force as a whole, beyond
 * a restart too, and a problem tells why there is no newer one. Nothing goes missing from a snapshot because of it: it is
 * incomplete only where a part of a commit cannot be told (submodules, links to directories elsewhere), and as long as
 * no commit was ever good. Rewritten history is a commit like any other.
 */
export function gitOrigin(options: GitOriginOptions): RepositoryOrigin {
  return new GitOrigin(options)
}

class GitOrigin implements RepositoryOrigin {
  readonly #options: GitOriginOptions
  readonly #clock: Clock
  readonly #state: GitState
  readonly #wakeUps: WakeUps
  readonly #closing = new AbortController()
  #refreshing: Promise<unknown> = Promise.resolve()
  #trouble: HermesError | undefined
  /** What the ref pointed to last, in force or not. */
  #fetched: GitHead | undefined
  /** Until then the clone is not made anew: that was no cure. */
  #incurableUntil = 0
  #freshUntil = 0

  constructor(options: GitOriginOptions) {
    const { repository, path, read, clock = systemClock } = options
    this.#options = options
    this.#clock = clock
    this.#state = new GitState({ repository, path, read })
    this.#wakeUps = new WakeUps(clock, AT_ONCE)
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot, void> {
    const either = AbortSignal.any([signal, this.#closing.signal])
    let last: string | undefined
    try {
      while (!either.aborted) {
        const seen = this.#wakeUps.count
        const snapshot = await this.#refresh(either)
        const mark = JSON.stringify([snapshot.revision, snapshot.problems])
        if (mark !== last) yield snapshot
        last = mark
        await this.#wakeUps.settled(seen, this.#options.intervalMs, either)
      }
    } catch (error) {
      if (!either.aborted) throw error
    }
  }

  async read(signal: AbortSignal): Promise<Snapshot> {
    if (this.#clock.now() < this.#freshUntil) return this.#snapshot()
    return await this.#refresh(AbortSignal.any([signal, this.#closing.signal]))
  }

  async newest(signal: AbortSignal, mayBegin = false): Promise<Newest> {
    const either = AbortSignal.any([signal, this.#closing.signal])
    return await this.#inTurn(async () => {
      const { manifests } = await this.#look(either)
      const { newest, isLoaded } = this.#state
      const isMissing = this.#trouble?.code === 'git_path_missing' && !isLoaded
      if (isMissing && mayBegin && this.#fetched !== undefined) return await this.#begin(this.#fetched, either)
      if (this.#trouble !== undefined) throw this.#trouble
      if (newest === undefined) throw new HermesError('git_failed', 'no commit was loaded')
      return { ...newest.head, tree: newest.tree, manifests }
    })
  }

  /** The commit as if the path were an empty directory in it. */
  async #begin(head: GitHead, signal: AbortSignal): Promise<Newest> {
    const { repository, path } = this.#options
    const parts = path.split('/')
    const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    const found = [...(await entriesAt(repository, head.commit, above, signal)).values()]
    const wrong = found.find(({ mode }) => mode !== '040000')
    if (wrong !== undefined) {
      const fix = 'Correct --path.'
      throw new HermesError('git_path_missing', `${wrong.name} is no directory in ${head.revision}`, { fix })
    }
    return { ...head, tree: EMPTY_TREE, manifests: [] }
  }

  wake(): void {
    this.#freshUntil = 0
    this.#wakeUps.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#refreshing.catch(() => undefined)
  }

  /** Who is told to stop does not wait for the look of somebody else. */
  async #refresh(signal: AbortSignal): Promise<Snapshot> {
    signal.throwIfAborted()
    const stopped = Promise.withResolvers<never>()
    const stop = (): void => stopped.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([this.#inTurn(() => this.#look(signal)), stopped.promise])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** One at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#refreshing.catch(() => undefined).then(work)
    this.#refreshing = next
    return next
  }

  async #look(signal: AbortSignal): Promise<Snapshot> {
    signal.throwIfAborted()
    const seen = this.#wakeUps.count
    const before = this.#trouble?.message
    this.#trouble = await this.#options.repository.exclusively(() => this.#load(signal), signal)
    if (this.#trouble !== undefined && this.#trouble.message !== before) {
      const { code, message } = this.#trouble
      this.#options.log?.warn({ repository: this.#options.address, code, error: message }, 'no newer revision')
    }
    if (this.#wakeUps.count === seen) this.#freshUntil = this.#clock.now() + FRESH_MS
    return this.#snapshot()
  }

  /** Resolves to what kept the newest commit from being loaded. */
  async #load(signal: AbortSignal): Promise<HermesError | undefined> {
    try {
      await this.#loadNewest(signal)
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      await this.#loadLastGood(signal).catch(() => signal.throwIfAborted())
      return failureOf(thrown)
    }
  }

  /** A clone that fails by itself is made anew; when that was no cure, not again for a while. */
  async #loadNewest(signal: AbortSignal): Promise<void> {
    try {
      await this.#fetchAndLoad(signal)
    } catch (thrown) {
      const error = failureOf(thrown)
      if (signal.aborted || !isOurs(error) || this.#clock.now() < this.#incurableUntil) throw error
      this.#options.log?.warn({ repository: this.#options.address, error: error.message }, 'clone is made anew')
      await this.#renewAndLoad(signal)
    }
    this.#incurableUntil = 0
  }

  async #renewAndLoad(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.repository.renew(signal)
      this.#state.cloneIsNew()
      await this.#fetchAndLoad(signal)
    } catch (thrown) {
      if (isOurs(failureOf(thrown))) this.#incurableUntil = this.#clock.now() + INCURABLE_MS
      throw thrown
    }
  }

  async #fetchAndLoad(signal: AbortSignal): Promise<void> {
    const { repository, verify } = this.#options
    await repository.open(signal)
    const head = await repository.fetch(signal)
    this.#fetched = head
    if (this.#state.isAt(head)) return
    await verify?.(head.commit, signal, 'new')
    await this.#state.load(head, signal)
  }

  /** After a start without a server: what the process before had in force. */
  async #loadLastGood(signal: AbortSignal): Promise<void> {
    const { repository, path, verify } = this.#options
    if (this.#state.isLoaded) return
    const head = await repository.lastGood(path, signal)
    if (head === undefined) return
    await verify?.(head.commit, signal, 'in_force')
    await this.#state.load(head, signal)
  }

  #snapshot(): Snapshot {
    return this.#state.snapshot(this.#trouble === undefined ? [] : [this.#problemOf(this.#trouble)])
  }

  #problemOf({ code, message, fix }: HermesError): Problem {
    return problem(code, message, startOf(this.#options.address), { fix })
  }
}
