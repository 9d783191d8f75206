import type { Batch } from './batch.ts'

/** Told of batches as they pass a node: `source`, `validate`, `steps[2].set`, `sinks.cold`. */
export type TapListener = (node: string, batch: Batch) => void

/** Who looks at the messages of a workflow. While nobody does it costs one comparison for each batch and node. */
export class Taps {
  readonly #listeners = new Set<TapListener>()

  /** Calls `listener` with every batch at every node, until it is disposed. What it throws is its own affair. */
  open(listener: TapListener): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  passed(node: string, batch: Batch): void {
    if (this.#listeners.size === 0) return
    for (const listener of this.#listeners) {
      try {
        listener(node, batch)
      } catch {
        // Looking must not disturb what is looked at.
        this.#listeners.delete(listener)
      }
    }
  }
}
