import { HermesError } from '../../errors.ts'

/** How windows lie in time; in milliseconds. They are aligned to the epoch. */
export interface WindowRules {
  readonly sizeMs: number
  /** From the start of one window to that of the next: the size for tumbling windows, less for sliding ones. */
  readonly everyMs: number
  /** Groups of all open windows together, at most. */
  readonly groups: number
}

/** A group of a window that has closed, complete. */
export interface Closed<Group> {
  readonly key: string
  readonly start: number
  readonly end: number
  readonly group: Group
}

interface Window<Group> {
  readonly start: number
  readonly end: number
  /** Number of the batch that gave the first message. */
  readonly firstBatch: number
  readonly groups: Map<string, Group>
}

/** What became of an event: it counts; all its windows were closed before; or they were closed before a restart. */
export type Placed = 'added' | 'late' | 'repeated'

/**
 * Open windows with their groups. Windows close in the order of time, never to open again; which are closed is one
 * number, the time up to which they are.
 */
export class Windows<Group> {
  readonly #rules: WindowRules
  readonly #open = new Map<number, Window<Group>>()
  /** Up to here windows were closed, and their results delivered, before the step was opened. */
  readonly #closedBefore: number
  #closedUpTo = Number.NEGATIVE_INFINITY
  #nextEnd = Number.POSITIVE_INFINITY
  #groups = 0

  constructor(rules: WindowRules, closedBefore: number = Number.NEGATIVE_INFINITY) {
    this.#rules = rules
    this.#closedBefore = closedBefore
  }

  get closedUpTo(): number {
    return Math.max(this.#closedUpTo, this.#closedBefore)
  }

  /** The oldest batch of which something is in an open window; undefined without open windows. */
  get firstBatch(): number | undefined {
    let first: number | undefined
    for (const { firstBatch } of this.#open.values()) if (first === undefined || firstBatch < first) first = firstBatch
    return first
  }

  /**
   * Has `add` called with the group of each open window that the event lies in. Throws `message_invalid`, before
   * anything changed, when there would be too many groups.
   */
  place(
    event: { readonly time: number; readonly key: string; readonly batch: number },
    start: () => Group,
    add: (group: Group) => void,
  ): Placed {
    const { everyMs, sizeMs } = this.#rules
    const starts: number[] = []
    let isRepeated = false
    for (let at = Math.floor(event.time / everyMs) * everyMs; at + sizeMs > event.time; at -= everyMs) {
      if (at + sizeMs <= this.#closedUpTo) continue
      if (at + sizeMs <= this.#closedBefore) isRepeated = true
      else starts.push(at)
    }
    if (starts.length === 0) return isRepeated ? 'repeated' : 'late'
    this.#makeRoom(starts, event.key)
    for (const at of starts) add(this.#group(at, event, start))
    return 'added'
  }

  /** Closes the windows that end at `time` or before; gives their groups, by end and then as they came. */
  close(time: number): readonly Closed<Group>[] {
    this.#closedUpTo = Math.max(this.#closedUpTo, time)
    return time < this.#nextEnd ? [] : this.#take((window) => window.end <= time)
  }

  /** The groups of all windows; what comes for them later begins anew. */
  takeAll(): readonly Closed<Group>[] {
    return this.#take(() => true)
  }

  #makeRoom(starts: readonly number[], key: string): void {
    const added = starts.filter((at) => this.#open.get(at)?.groups.has(key) !== true).length
    if (added === 0 || this.#groups + added <= this.#rules.groups) return
    throw new HermesError('message_invalid', `more than ${this.#rules.groups} groups are open; see groups`)
  }

  #group(at: number, { key, batch }: { readonly key: string; readonly batch: number }, start: () => Group): Group {
    const window = this.#open.get(at) ?? this.#begin(at, batch)
    const known = window.groups.get(key)
    if (known !== undefined) return known
    const group = start()
    window.groups.set(key, group)
    this.#groups += 1
    return group
  }

  #begin(at: number, firstBatch: number): Window<Group> {
    const window = { start: at, end: at + this.#rules.sizeMs, firstBatch, groups: new Map<string, Group>() }
    this.#open.set(at, window)
    this.#nextEnd = Math.min(this.#nextEnd, window.end)
    return window
  }

  #take(which: (window: Window<Group>) => boolean): readonly Closed<Group>[] {
    const closing = [...this.#open.values()].filter(which).toSorted((a, b) => a.start - b.start)
    for (const { start, groups } of closing) {
      this.#open.delete(start)
      this.#groups -= groups.size
    }
    this.#nextEnd = Number.POSITIVE_INFINITY
    for (const { end } of this.#open.values()) this.#nextEnd = Math.min(this.#nextEnd, end)
    return closing.flatMap(({ start, end, groups }) =>
      [...groups].map(([key, group]): Closed<Group> => ({ key, start, end, group })),
    )
  }
}
