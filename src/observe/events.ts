import type { Clock } from '../clock.ts'
import type { Key } from '../manifest/manifest.ts'

/** Something that happened, as it is told. */
export interface Happening {
  /** A `warning` is what somebody may have to do something about. */
  readonly type: 'normal' | 'warning'
  /** The resource that it happened to; absent for what concerns all. */
  readonly key?: Key
  /** CamelCase, stable: `StepApplied`, `HttpTimeout`, `Recovered`. */
  readonly reason: string
  readonly message: string
}

/** What happened, once or again and again. */
export interface EventEntry extends Happening {
  readonly count: number
  /** ISO 8601, as is `lastAt`. */
  readonly firstAt: string
  readonly lastAt: string
}

/** How many entries of either type are kept: what goes well must not push out what does not. */
const KEPT = 1_000
/** Characters of a message that are kept. */
const LONGEST = 1_000

interface Entry {
  readonly happening: Happening
  readonly firstAt: number
  lastAt: number
  count: number
}

/**
 * What happened lately, in memory and nowhere else. The same thing happening again is one entry with a count; of the
 * entries those that happened last stay. No secret's value stands in one (invariant 9).
 */
export class EventLog {
  readonly #clock: Clock
  readonly #mask: (text: string) => string
  /** The one that happened last stands last. */
  readonly #entries = { normal: new Map<string, Entry>(), warning: new Map<string, Entry>() }

  constructor(clock: Clock, mask: (text: string) => string) {
    this.#clock = clock
    this.#mask = mask
  }

  record(told: Happening): void {
    const happening = { ...told, message: shortened(this.#mask(told.message)) }
    const entries = this.#entries[happening.type]
    const identity = JSON.stringify([happening.key, happening.reason, happening.message])
    const now = this.#clock.now()
    const entry = entries.get(identity) ?? { happening, firstAt: now, lastAt: now, count: 0 }
    entries.delete(identity)
    entries.set(identity, entry)
    entry.lastAt = now
    entry.count += 1
    const [oldest] = entries.keys()
    if (entries.size > KEPT && oldest !== undefined) entries.delete(oldest)
  }

  /** What happened, to one resource or at all; the latest last. */
  list(key?: Key): readonly EventEntry[] {
    const entries = Object.values(this.#entries).flatMap((each) => [...each.values()])
    const wanted = key === undefined ? entries : entries.filter(({ happening }) => happening.key === key)
    return wanted
      .toSorted((one, other) => one.lastAt - other.lastAt)
      .map(({ happening, firstAt, lastAt, count }) => ({
        ...happening,
        count,
        firstAt: new Date(firstAt).toISOString(),
        lastAt: new Date(lastAt).toISOString(),
      }))
  }
}

function shortened(message: string): string {
  return message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message
}
