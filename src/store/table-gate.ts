interface Queue {
  /** Settled when nobody changes the table. */
  last: Promise<unknown>
  readonly writers: Set<Promise<unknown>>
  version: number
}

/**
 * Who writes into a table and who changes it, within this process: any number of writers at a time, or one that
 * changes its shape. Nobody is overtaken.
 */
export class TableGate {
  readonly #queues = new Map<string, Queue>()

  /** Another number after every change. */
  version(table: string): number {
    return this.#queue(table).version
  }

  /** Runs `work` beside other writers, when nobody changes the table. */
  async writing<T>(table: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queue(table)
    const done = queue.last.then(work)
    const settled = done.then(nothing, nothing)
    queue.writers.add(settled)
    try {
      return await done
    } finally {
      queue.writers.delete(settled)
    }
  }

  /** Runs `work` when all writers before it are done, and before all that come later. */
  async changing<T>(table: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queue(table)
    const done = Promise.all([queue.last, ...queue.writers])
      .then(work)
      .finally(() => queue.version++)
    queue.last = done.then(nothing, nothing)
    return await done
  }

  #queue(table: string): Queue {
    const queue = this.#queues.get(table) ?? { last: Promise.resolve(), writers: new Set(), version: 0 }
    this.#queues.set(table, queue)
    return queue
  }
}

function nothing(): void {}
