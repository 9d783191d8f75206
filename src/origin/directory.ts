import { resolve } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import type { ReadManifests } from '../manifest/read.ts'
import { DirectoryState } from './directory-state.ts'
import { DirectoryWatch } from './directory-watch.ts'
import type { Origin, Snapshot } from './origin.ts'
import { WakeUps } from './wake-ups.ts'
import { isManifestFile } from './walk.ts'

export interface DirectoryOriginOptions {
  readonly root: string
  readonly read: ReadManifests
  readonly clock?: Clock
  /** A burst of changes is over when nothing happened for so long … */
  readonly settleMs?: number
  /** … and is not waited for any longer than this. */
  readonly maxSettleMs?: number
  /** Everything is listed so often even when no change was noticed. */
  readonly resyncMs?: number
  readonly log?: { warn(fields: object, message: string): void }
}

/** A file that changes by itself, as when somebody saves it, is waited for no longer than this, in milliseconds. */
const aloneMs = 20

/** While a part of the directory cannot be read, everything is listed so often, in milliseconds. */
const incompleteResyncMs = 10_000

/**
 * Reads manifests from the `.yaml`, `.yml` and `.json` files below a directory and watches it. Files whose content did
 * not change are not parsed again. Watching starts with the first call of `snapshots`, and ends with disposal.
 */
export function directoryOrigin(options: DirectoryOriginOptions): Origin {
  return new DirectoryOrigin(options)
}

class DirectoryOrigin implements Origin {
  readonly #options: DirectoryOriginOptions
  readonly #root: string
  readonly #clock: Clock
  readonly #state: DirectoryState
  readonly #wakeUps: WakeUps
  readonly #closing = new AbortController()
  #watch: DirectoryWatch | undefined
  #refreshing: Promise<unknown> = Promise.resolve()
  #resyncMs: number

  constructor(options: DirectoryOriginOptions) {
    const { clock = systemClock, settleMs = 50, maxSettleMs = 2_000, resyncMs = 60_000 } = options
    this.#options = options
    this.#root = resolve(options.root)
    this.#clock = clock
    this.#resyncMs = resyncMs
    this.#state = new DirectoryState({ root: this.#root, read: options.read, clock })
    this.#wakeUps = new WakeUps(clock, { settleMs, aloneMs, maxSettleMs })
  }

  async *snapshots(signal: AbortSignal): AsyncGenerator<Snapshot, void> {
    const either = AbortSignal.any([signal, this.#closing.signal])
    if (either.aborted) return
    this.#watch ??= new DirectoryWatch(this.#root, this.#clock, {
      wake: (file) => this.#wakeFor(file),
      stir: (file) => this.#wakeUps.stir(file),
      failed: (error) => this.#watchFailed(error),
    })
    let seen = this.#wakeUps.count
    this.#wakeUps.wake()
    let last: string | undefined
    try {
      while (!either.aborted) {
        seen = this.#wakeUps.count
        const snapshot = await this.#refresh(either)
        const mark = markOf(snapshot)
        if (mark !== last) yield snapshot
        last = mark
        await this.#nextWakeUp(seen, snapshot.complete, either)
      }
    } catch (error) {
      if (!either.aborted) throw error
    }
  }

  async read(signal: AbortSignal): Promise<Snapshot> {
    this.#wakeUps.wake()
    return this.#refresh(AbortSignal.any([signal, this.#closing.signal]))
  }

  wake(): void {
    this.#wakeUps.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#watch?.[Symbol.asyncDispose]()
    this.#watch = undefined
    await this.#refreshing.catch(() => undefined)
  }

  async #nextWakeUp(seen: number, complete: boolean, signal: AbortSignal): Promise<void> {
    const atMostMs = complete ? this.#resyncMs : Math.min(this.#resyncMs, incompleteResyncMs)
    await this.#wakeUps.settled(seen, atMostMs, signal)
    if (this.#wakeUps.count === seen) this.#wakeUps.wake()
  }

  /** One at a time; what fails is asked for again. */
  #refresh(signal: AbortSignal): Promise<Snapshot> {
    const next = this.#refreshing.catch(() => undefined).then(() => this.#takeAndRefresh(signal))
    this.#refreshing = next
    return next
  }

  async #takeAndRefresh(signal: AbortSignal): Promise<Snapshot> {
    signal.throwIfAborted()
    const { all, files } = this.#wakeUps.take()
    try {
      if (all || !(await this.#state.refreshFiles(files, signal))) await this.#state.refreshAll(signal)
    } catch (error) {
      this.#wakeUps.wake()
      throw error
    }
    return this.#state.snapshot()
  }

  #wakeFor(file: string | undefined): void {
    const isKnown =
      file !== undefined && (isManifestFile(file.slice(file.lastIndexOf('/') + 1)) || this.#state.isList(file))
    this.#wakeUps.wake(isKnown && !file.startsWith('..') ? file : undefined)
  }

  #watchFailed(error: unknown): void {
    this.#resyncMs = Math.min(this.#resyncMs, 5_000)
    const message = error instanceof Error ? error.message : String(error)
    this.#options.log?.warn({ root: this.#root, error: message }, 'watching the manifests failed, listing them instead')
    this.#wakeUps.wake()
  }
}

/** Equal for snapshots between which nothing happened. */
function markOf({ revision, problems, complete }: Snapshot): string {
  return JSON.stringify([revision, complete, problems])
}
