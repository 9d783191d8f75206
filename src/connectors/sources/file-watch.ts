import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { onEvents } from './directory-events.ts'

/** Linux's numbers of file systems that announce every change: ext, xfs, btrfs, zfs, f2fs, tmpfs, overlay. */
const announcing: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630,
])

/** A file is looked at so often though its file system would announce a change: an announcement may be lost. */
const SELDOM_MS = 10_000

/**
 * Waits for changes of one file and of what is beside it under its name. Events wake up; where there are none, time does:
 * seldom where the file system announces every change, and did so the last time.
 */
export class FileWatch {
  readonly #path: string
  readonly #pollMs: number
  readonly #clock: Clock
  #events: Disposable | undefined
  #changed = false
  #wake: () => void = () => {}
  /** What ends a wait is listened to once, and not for each wait: thousands of them wait again every few seconds. */
  #until: AbortSignal | undefined
  #announces = false
  /** Whether it was time that ended the last wait. */
  #byTime = false

  constructor(path: string, pollMs: number, clock: Clock) {
    this.#path = path
    this.#pollMs = pollMs
    this.#clock = clock
  }

  /**
   * Resolves when there may be something new. Not `seldom`: after the time of polling at the latest, for what no event
   * of this name would tell of.
   */
  async next(until: AbortSignal, seldom: boolean): Promise<void> {
    // What happened before it was watched is seen by looking once more.
    if (await this.#watch()) return
    if (!this.#changed)
      await this.#sleep(seldom && this.#isAnnounced ? Math.max(this.#pollMs, SELDOM_MS) : this.#pollMs, until)
    this.#byTime = !this.#changed
    this.#changed = false
  }

  /** To be told when there was something new: when no event had told of it, time has to from now on. */
  found(): void {
    if (this.#byTime) this.#announces = false
    this.#byTime = false
  }

  close(): void {
    this.#events?.[Symbol.dispose]()
    this.#events = undefined
  }

  get #isAnnounced(): boolean {
    return this.#events !== undefined && this.#announces
  }

  async #sleep(ms: number, until: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (until !== this.#until) {
      this.#until = until
      until.addEventListener('abort', () => this.#wake(), { once: true })
    }
    if (until.aborted) return
    await this.#clock.sleep(ms, woken.signal).catch(() => undefined)
    // An event may be there already, behind the timer.
    if (!woken.signal.aborted) await immediate()
  }

  /** True when there are events from now on. */
  async #watch(): Promise<boolean> {
    if (this.#events !== undefined) return false
    try {
      this.#events = onEvents(this.#path, {
        changed: () => this.#stir(),
        ended: () => {
          this.#events = undefined
          this.#stir()
        },
      })
      this.#announces = announcing.has((await statfs(dirname(this.#path))).type)
      return true
    } catch {
      return false
    }
  }

  #stir(): void {
    this.#changed = true
    this.#wake()
  }
}
