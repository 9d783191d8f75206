import type { Group } from './group.ts'

/** A message that waits, still unacknowledged: it was refused for now, or it follows one under its key that was. */
export interface Parked {
  readonly group: Group
  readonly index: number
  /** How often it was tried. */
  readonly attempts: number
}

/** The messages under one key that wait, in order. */
interface Line {
  readonly waiting: Parked[]
  /** The first of them is tried again then: milliseconds since the epoch. */
  notBefore: number
}

/** Messages that a sink refused for now. A poison message holds back its own key only (invariant 7). */
export class Parking {
  readonly #lines = new Map<string | symbol, Line>()
  #size = 0

  get size(): number {
    return this.#size
  }

  holds(key: string | undefined): boolean {
    return key !== undefined && this.#lines.has(key)
  }

  /** Parks what was refused; one without a key waits for itself alone. */
  refuse(parked: Parked, notBefore: number): void {
    const { key } = parked.group.batch.meta(parked.index)
    if (key !== undefined && this.#lines.has(key)) return this.follow(key, parked)
    this.#lines.set(key ?? Symbol('alone'), { waiting: [parked], notBefore })
    this.#size += 1
  }

  /** Parks what must not overtake the first of its key. */
  follow(key: string, parked: Parked): void {
    this.#lines.get(key)?.waiting.push(parked)
    this.#size += 1
  }

  /** When the next line is tried; infinite when none waits. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { notBefore } of this.#lines.values()) next = Math.min(next, notBefore)
    return next
  }

  /** The first message of each line that is due. */
  due(now: number): readonly Parked[] {
    return [...this.#lines.values()].flatMap(({ waiting: [first], notBefore }) =>
      first === undefined || notBefore > now ? [] : [first],
    )
  }

  /** The first of a line was settled: the next one is due at once. */
  settled(parked: Parked): void {
    const found = this.#lineOf(parked)
    if (found === undefined) return
    const [key, line] = found
    line.waiting.shift()
    line.notBefore = 0
    this.#size -= 1
    if (line.waiting.length === 0) this.#lines.delete(key)
  }

  /** The first of a line was refused again. */
  refusedAgain(parked: Parked, notBefore: number): void {
    const found = this.#lineOf(parked)
    if (found === undefined) return
    const [, line] = found
    line.waiting[0] = { ...parked, attempts: parked.attempts + 1 }
    line.notBefore = notBefore
  }

  #lineOf(parked: Parked): readonly [string | symbol, Line] | undefined {
    return this.#lines.entries().find(([, { waiting }]) => waiting[0] === parked)
  }
}
