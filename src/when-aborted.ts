/**
 * The listeners of one signal. They stand in an array and not in a list of nodes, as an EventTarget keeps them: a node that
 * is removed still points to the next one, and with listeners that overlap, one for each write, the collector of young
 * objects takes the whole chain for needed, with all that was written.
 */
class AbortListeners {
  readonly #listeners: ((() => void) | undefined)[] = []
  readonly #free: number[] = []

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.#tell(), { once: true })
  }

  add(listener: () => void): number {
    const place = this.#free.pop() ?? this.#listeners.length
    this.#listeners[place] = listener
    return place
  }

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

/**
 * Calls `listener` when the signal aborts; not when it has aborted before. For what comes and goes with each batch: the
 * signal is listened to once, whatever is added and removed. Returns what takes the listener away.
 */
export function whenAborted(signal: AbortSignal, listener: () => void): () => void {
  let listeners = known.get(signal)
  if (listeners === undefined) {
    listeners = new AbortListeners(signal)
    known.set(signal, listeners)
  }
  const place = listeners.add(listener)
  const of = listeners
  return () => of.remove(place, listener)
}
