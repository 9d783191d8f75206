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
  readonly key: string | symbol
  readonly waiting: Parked[]
  /** The first of them is tried again then: milliseconds since the epoch. */
  notBefore: number
  /** The first of them was refused when it was tried last: until it is not, nobody behind it is tried. */
  isHeld: boolean
}

/** Messages of one line that are tried now: its first ones, in order. */
export interface Trial {
  readonly line: Line
  readonly parked: readonly Parked[]
}

/** What is tried at once, at most. */
export interface TrialLimits {
  readonly messages: number
  readonly bytes: number
}

/** Messages that a sink refused for now. A poison message holds back its own key only (invariant 7). */
export class Parking {
  readonly #lines = new Map<string | symbol, Line>()
  #size = 0
  #bytes = 0

  get size(): number {
    return this.#size
  }

  /** Of payloads, about. */
  get bytes(): number {
    return this.#bytes
  }

  holds(key: string | undefined): boolean {
    return key !== undefined && this.#lines.has(key)
  }

  /** Parks what was refused; one without a key waits for itself alone. */
  refuse(parked: Parked, notBefore: number): void {
    const { key } = parked.group.batch.meta(parked.index)
    if (key !== undefined && this.#lines.has(key)) return this.follow(key, parked)
    const line = { key: key ?? Symbol('alone'), waiting: [parked], notBefore, isHeld: true }
    this.#lines.set(line.key, line)
    this.#count(parked, 1)
  }

  /** Parks what must not overtake the first of its key. */
  follow(key: string, parked: Parked): void {
    this.#lines.get(key)?.waiting.push(parked)
    this.#count(parked, 1)
  }

  /** When the next line is tried; infinite when none waits. */
  get nextAt(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { notBefore } of this.#lines.values()) next = Math.min(next, notBefore)
    return next
  }

  /**
   * What is due, within the limits but for a first message that is larger: the first of each line, and of a line whose
   * first one was settled those behind it as well, so that what an outage left is not written one by one.
   */
  due(now: number, limits: TrialLimits): readonly Trial[] {
    const trials: Trial[] = []
    let { messages, bytes } = limits
    for (const line of this.#lines.values()) {
      if (messages <= 0 || bytes <= 0) break
      if (line.notBefore > now) continue
      const parked: Parked[] = []
      for (const each of line.isHeld ? line.waiting.slice(0, 1) : line.waiting) {
        if (messages <= 0 || bytes <= 0) break
        parked.push(each)
        messages -= 1
        bytes -= each.group.meanBytes
      }
      trials.push({ line, parked })
    }
    return trials
  }

  /** Ends a trial: those that were refused again wait on, until `notBefore`, and the others leave. */
  tried({ line, parked }: Trial, refused: ReadonlySet<Parked>, notBefore: number): void {
    const again = parked.filter((each) => refused.has(each)).map((each) => ({ ...each, attempts: each.attempts + 1 }))
    line.waiting.splice(0, parked.length, ...again)
    line.isHeld = again.length > 0
    line.notBefore = line.isHeld ? notBefore : 0
    for (const each of parked) if (!refused.has(each)) this.#count(each, -1)
    if (line.waiting.length === 0) this.#lines.delete(line.key)
  }

  #count({ group }: Parked, sign: 1 | -1): void {
    this.#size += sign
    this.#bytes += sign * group.meanBytes
  }
}
