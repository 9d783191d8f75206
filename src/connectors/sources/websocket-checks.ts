import type { Batch } from '../../stream/batch.ts'
import { pick } from '../../stream/batches.ts'
import { type JsonPath, lookUp, parseJsonPath, scalarText } from '../json-path.ts'
import { messageTime } from './message-time.ts'

/** What is looked for in the messages of one connection. */
export interface CheckRules {
  readonly sequence?: { readonly field: JsonPath; readonly per?: JsonPath; readonly restarts: boolean }
  readonly stale?: { readonly field: JsonPath; readonly olderThanMs: number }
}

/** A place in the row of numbers where some are missing, or go back. */
export interface Gap {
  readonly expected: string
  readonly found: string
  /** What has a row of its own; absent where all messages share one. */
  readonly of?: string
}

/** What became of a batch. */
export interface Checked {
  /** What goes on: the very same batch when nothing was left out. */
  readonly batch: Batch
  readonly gaps: readonly Gap[]
  /** Left out: with the number of the message before. */
  readonly repeated: number
  /** Left out: too old. */
  readonly stale: number
  /** Left out: behind the gap for which the connection is made anew. */
  readonly behindGap: number
}

/** Reads the rules of a configuration. */
export function checkRules(
  sequence?: { readonly field: string; readonly per?: string; readonly onGap: 'restart' | 'report' },
  stale?: { readonly field: string; readonly olderThanMs: number },
): CheckRules {
  const { per } = sequence ?? {}
  return {
    ...(sequence === undefined
      ? {}
      : {
          sequence: {
            field: parseJsonPath(sequence.field),
            ...(per === undefined ? {} : { per: parseJsonPath(per) }),
            restarts: sequence.onGap === 'restart',
          },
        }),
    ...(stale === undefined ? {} : { stale: { ...stale, field: parseJsonPath(stale.field) } }),
  }
}

/** So many rows of numbers are known at once; of more the one that began first begins anew. */
const MOST_ROWS = 65_536

/** What has to be told of a gap; a key may be as long as a message. */
const SHOWN = 100

/** Looks at the batches of one connection, in order. What is not JSON goes on: it is for others to judge. */
export class Checks {
  readonly #rules: CheckRules
  readonly #last = new Map<string, bigint>()
  #broken = false

  constructor(rules: CheckRules) {
    this.#rules = rules
  }

  /** `now` in milliseconds since the epoch. */
  check(batch: Batch, now: number): Checked {
    const { sequence, stale } = this.#rules
    if (sequence === undefined && stale === undefined) return passed(batch)
    const kept: number[] = []
    const gaps: Gap[] = []
    const left = { repeated: 0, stale: 0, behindGap: 0 }
    for (let index = 0; index < batch.size; index += 1) {
      const value = valueOf(batch, index)
      const found = this.#broken ? undefined : this.#sequence(value)
      if (typeof found === 'object') gaps.push(found)
      if (typeof found === 'object' && sequence?.restarts === true) this.#broken = true
      if (this.#broken) left.behindGap += 1
      else if (found === 'repeated') left.repeated += 1
      else if (this.#isStale(value, now)) left.stale += 1
      else kept.push(index)
    }
    return { batch: kept.length === batch.size ? batch : pick(batch, kept), gaps, ...left }
  }

  /** Whether there was a gap for which the connection is to be made anew. */
  get broken(): boolean {
    return this.#broken
  }

  #sequence(value: unknown): Gap | 'repeated' | undefined {
    const { sequence } = this.#rules
    const number = sequence === undefined ? undefined : integerOf(lookUp(value, sequence.field))
    if (sequence === undefined || number === undefined) return undefined
    const of = sequence.per === undefined ? undefined : (scalarText(lookUp(value, sequence.per)) ?? '')
    const last = this.#last.get(of ?? '')
    this.#remember(of ?? '', number)
    if (last === undefined || number === last + 1n) return undefined
    if (number === last) return 'repeated'
    const shown = of === undefined ? {} : { of: of.slice(0, SHOWN) }
    return { expected: String(last + 1n), found: String(number), ...shown }
  }

  #remember(of: string, number: bigint): void {
    if (this.#last.size >= MOST_ROWS && !this.#last.has(of)) {
      const [oldest] = this.#last.keys()
      if (oldest !== undefined) this.#last.delete(oldest)
    }
    this.#last.set(of, number)
  }

  #isStale(value: unknown, now: number): boolean {
    const { stale } = this.#rules
    if (stale === undefined) return false
    const time = messageTime(lookUp(value, stale.field))
    return time !== undefined && now - time > stale.olderThanMs
  }
}

function passed(batch: Batch): Checked {
  return { batch, gaps: [], repeated: 0, stale: 0, behindGap: 0 }
}

function valueOf(batch: Batch, index: number): unknown {
  try {
    return batch.value(index)
  } catch {
    return undefined
  }
}

/** A whole number, as JSON or as text; undefined for anything else. */
function integerOf(value: unknown): bigint | undefined {
  const text = scalarText(value)
  return text !== undefined && text.length <= 40 && /^-?\d+$/.test(text) ? BigInt(text) : undefined
}
