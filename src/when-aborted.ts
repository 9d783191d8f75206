/**
 * The listeners of one signal, for what comes and goes with each batch: the signal is listened to once, whatever is added
 * and removed. They stand in an array and not in a list of nodes, as an EventTarget keeps them: a node that is removed
 * still points to the next one, and with listeners that overlap, one for each write, the collector of young objects takes
 * the whole chain for needed, with all that was written.
 */
export class AbortListeners {
  readonly signal: AbortSignal
  readonly #listeners: ((() => void) | undefined)[] = []
  readonly #free: number[] = []

  private constructor(signal: AbortSignal) {
    this.signal = signal
    signal.addEventListener('abort', () => this.#tell(), { once: true })
  }

  /** Those of a signal; the same for all who ask. */
  static of(signal: AbortSignal): AbortListeners {
    const before = known.get(signal)
    if (before !== undefined) return before
    const listeners = new AbortListeners(signal)
    known.set(signal, listeners)
    return listeners
  }

  /** Has `listener` called when the signal aborts; not when it has aborted before. Its place, to remove it from. */
  add(listener: () => void): number {
    const place = this.#free.pop() ?? this.#listeners.length
    this.#listeners[place] = listener
    return place
  }

  /** Removes a listener from its place; nothing when it is there no more. */
  remove(place: number, listener: () => void): void {
    if (this.#listeners[place] !== listener) return
    this.#listeners[place] = undefined
    this.#free.push(place)
  }

  #tell(): void {
    for (const listener of this.#listeners.splice(0)) listener?.()
    this.#free.length = 0
  }
}

const known = new WeakMap<AbortSignal, AbortListeners>()

/** Calls `listener` when the signal aborts; not when it has aborted before. Returns what takes the listener away. */
export function whenAborted(signal: AbortSignal, listener: () => void): () => void {
  const listeners = AbortListeners.of(signal)
  const place = listeners.add(listener)
  return () => listeners.remove(place, listener)
}

/** What `work` comes to, or the signal's reason when that aborts first; `work` is left to itself then, and may fail unheard. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    const listeners = AbortListeners.of(signal)
    const place = listeners.add(onAbort)
    if (signal.aborted) onAbort()
    work.then(
      (result) => {
        listeners.remove(place, onAbort)
        resolve(result)
      },
      (error: unknown) => {
        listeners.remove(place, onAbort)
        reject(error)
      },
    )
  })
}
