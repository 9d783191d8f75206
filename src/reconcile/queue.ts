import type { Key } from '../manifest/manifest.ts'

/** A user's change goes before a periodic look. */
export type Priority = 'change' | 'resync'

/**
 * Keys that need a lap. A key is never taken while its lap runs; one that is added meanwhile is due again after it.
 * Everything of the most urgent class is taken at once, so that laps run in bulk.
 */
export class Queue {
  readonly #change = new Set<Key>()
  readonly #resync = new Set<Key>()
  readonly #later = new Map<Key, number>()
  readonly #running = new Set<Key>()
  readonly #again = new Set<Key>()
  #earliest = Number.POSITIVE_INFINITY

  /** Makes a key due now; a time it was put off to is forgotten. */
  add(key: Key, priority: Priority = 'change'): void {
    if (this.#running.has(key)) {
      if (priority === 'change') this.#again.add(key)
      return
    }
    this.#later.delete(key)
    if (priority === 'change') {
      this.#resync.delete(key)
      this.#change.add(key)
    } else if (!this.#change.has(key)) this.#resync.add(key)
  }

  /** Makes a key due at a time in milliseconds since the epoch. */
  later(key: Key, at: number): void {
    this.#later.set(key, at)
    this.#earliest = Math.min(this.#earliest, at)
  }

  /** Forgets that a key is due; one whose lap runs ends it undisturbed. */
  drop(key: Key): void {
    this.#change.delete(key)
    this.#resync.delete(key)
    this.#later.delete(key)
    this.#again.delete(key)
  }

  /** Takes all that is due and most urgent; each stays taken until `done`. */
  take(now: number): readonly Key[] {
    if (this.#earliest <= now) this.#ripen(now)
    const source = this.#change.size > 0 ? this.#change : this.#resync
    const keys = [...source]
    source.clear()
    for (const key of keys) this.#running.add(key)
    return keys
  }

  /** The lap of a key has ended. */
  done(key: Key): void {
    this.#running.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  /** Whether a key was taken and is not done. */
  isRunning(key: Key): boolean {
    return this.#running.has(key)
  }

  /** When the next key that was put off is due; infinite without one. */
  get nextAt(): number {
    return this.#earliest
  }

  get due(): boolean {
    return this.#change.size > 0 || this.#resync.size > 0
  }

  /** Nothing is due and nothing runs; what was put off may remain. */
  get idle(): boolean {
    return !this.due && this.#running.size === 0
  }

  #ripen(now: number): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const [key, at] of this.#later) {
      if (at <= now) this.add(key)
      else earliest = Math.min(earliest, at)
    }
    this.#earliest = earliest
  }
}
