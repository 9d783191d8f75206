import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { LosslessExpression } from '../../manifest/expression-lossless.ts'
import type { Batch, Meta, Position } from '../../stream/batch.ts'
import { valueBatch } from '../../stream/batches.ts'
import type { Failure, Step, StepConnector, Stepped } from '../../stream/step.ts'
import { type AggregateConfig, aggregateConfig } from './aggregate-config.ts'
import { type Accumulator, type Aggregation, aggregations } from './aggregate-values.ts'
import { type Closed, type Placed, Windows } from './aggregate-windows.ts'
import { failureReason } from './each-message.ts'
import { intervalMs } from './interval.ts'
import { canonical } from './message-identity.ts'
import { MessageVariables, messageCondition, messageExpression } from './message-scope.ts'

/** A message lies in so many windows at most. */
const maxOverlap = 1_000
const maxKey = 1_000
/** What RFC 3339 can write: years 1 to 9999. */
const earliest = Date.parse('0001-01-01T00:00:00Z')
const latest = Date.parse('9999-12-31T23:59:59.999Z')

/** An aggregate step, open for one run. */
export interface AggregateStep extends Required<Step> {
  /**
   * Up to which event time windows have closed, in milliseconds since the epoch; undefined before the first message.
   * Kept with the position up to which the source was acknowledged and given to `openAggregate` at the next start, it
   * keeps windows that were delivered from opening again for those of their messages that share a batch with later ones.
   */
  closedUpTo(): number | undefined
}

export const aggregateStep: StepConnector<AggregateConfig> = {
  type: 'aggregate',
  summary: 'Counts, sums and more over windows of time and groups.',
  config: aggregateConfig,
  open: (config, state) => openAggregate(config, (state as KeptState | undefined)?.closedUpTo),
}

/** What is kept of it with the position. */
interface KeptState {
  readonly closedUpTo?: number
}

/** Opens an aggregate; `closedBefore` is what `closedUpTo` was where the source goes on. Throws `invalid_value`. */
export function openAggregate(config: AggregateConfig, closedBefore?: number): AggregateStep {
  return new Aggregate(config, closedBefore)
}

interface Value {
  readonly name: string
  readonly aggregation: Aggregation
  readonly expression: LosslessExpression
}

interface Group {
  readonly by: readonly unknown[]
  readonly accumulators: readonly Accumulator[]
}

class Aggregate implements AggregateStep {
  readonly #windows: Windows<Group>
  readonly #time: LosslessExpression | undefined
  readonly #by: readonly (readonly [name: string, expression: LosslessExpression])[]
  readonly #values: readonly Value[]
  readonly #dropsLate: boolean
  readonly #latenessMs: number
  readonly #aheadMs: number
  readonly #idleMs: number
  #batches = 0
  #lastMessage = Number.POSITIVE_INFINITY
  /** Never goes back, whatever the clock does. */
  #now = Number.NEGATIVE_INFINITY

  constructor(config: AggregateConfig, closedBefore: number | undefined) {
    const sizeMs = intervalMs('window', config.window)
    const everyMs = intervalMs('every', config.every ?? config.window)
    if (everyMs > sizeMs) throw invalid('every must not be longer than window')
    if (sizeMs / everyMs > maxOverlap) throw invalid(`window must not be longer than ${maxOverlap} times every`)
    this.#windows = new Windows({ sizeMs, everyMs, groups: config.groups }, closedBefore)
    this.#time = config.time === undefined ? undefined : messageExpression(config.time)
    this.#by = Object.entries(config.by ?? {}).map(([name, text]) => [name, messageExpression(text)])
    this.#values = Object.entries(config.values).map(([name, rule]) => valueOf(name, rule))
    const names = ['start', 'end', ...this.#by.map(([name]) => name), ...this.#values.map(({ name }) => name)]
    const twice = names.find((name, index) => names.indexOf(name) < index)
    if (twice !== undefined) throw invalid(`the field ${twice} of the result is given twice`)
    this.#dropsLate = config.late === 'drop'
    this.#latenessMs = this.#time === undefined ? 0 : durationMs(config.lateness)
    this.#aheadMs = durationMs(config.ahead)
    this.#idleMs =
      this.#time === undefined || config.idle === undefined ? Number.POSITIVE_INFINITY : durationMs(config.idle)
  }

  apply(batch: Batch, now: number): Stepped {
    const closed: Closed<Group>[] = [...this.#tick(now)]
    const failures: Failure[] = []
    const variables = new MessageVariables(batch, now)
    let filtered = 0
    if (batch.size > 0) this.#lastMessage = this.#now
    for (let index = 0; index < batch.size; index++) {
      try {
        const placed = this.#take(variables.at(index), closed)
        if (placed === 'repeated' || (placed === 'late' && this.#dropsLate)) filtered += 1
        else if (placed === 'late')
          failures.push({ index, reason: 'aggregate: time: it is late: its windows have closed' })
      } catch (error) {
        failures.push({ index, reason: failureReason('aggregate', error) })
      }
    }
    this.#batches += 1
    return { batch: this.#results(closed, batch.position), failures, filtered }
  }

  flush(now: number, end: boolean): Batch | undefined {
    const closed = this.#tick(now)
    const idle = this.#now - this.#lastMessage >= this.#idleMs ? this.#windows.close(this.#now - this.#latenessMs) : []
    const all = [...closed, ...idle, ...(end ? this.#windows.takeAll() : [])]
    return all.length === 0 ? undefined : this.#results(all, undefined)
  }

  held(): number {
    return this.#batches - (this.#windows.firstBatch ?? this.#batches)
  }

  closedUpTo(): number | undefined {
    const time = this.#windows.closedUpTo
    return Number.isFinite(time) ? time : undefined
  }

  state(): KeptState {
    const closedUpTo = this.closedUpTo()
    return closedUpTo === undefined ? {} : { closedUpTo }
  }

  /** Time goes on; it closes windows where it is the events' time. */
  #tick(now: number): readonly Closed<Group>[] {
    this.#now = Math.max(this.#now, now)
    return this.#time === undefined ? this.#windows.close(this.#now) : []
  }

  /** Counts a message in its windows, and closes those that its time says are over. */
  #take(variables: MessageVariables, closed: Closed<Group>[]): Placed {
    const time = this.#time === undefined ? this.#now : this.#timeOf(this.#time, variables)
    const by = this.#by.map(([name, expression]) => named(name, () => expression.evaluate(variables)))
    const key = canonical(by)
    if (key.length > maxKey) throw new HermesError('message_invalid', `by: the key has more than ${maxKey} characters`)
    const inputs = this.#values.map(({ name, aggregation, expression }) =>
      named(name, () => aggregation.inputOf(expression, variables)),
    )
    const placed = this.#windows.place(
      { time, key, batch: this.#batches },
      () => ({ by, accumulators: this.#values.map(({ aggregation }) => aggregation.start()) }),
      ({ accumulators }) => {
        for (const [index, accumulator] of accumulators.entries()) accumulator.add(inputs[index], time)
      },
    )
    if (this.#time === undefined) return placed
    for (const each of this.#windows.close(time - this.#latenessMs)) closed.push(each)
    return placed
  }

  #timeOf(expression: LosslessExpression, variables: MessageVariables): number {
    const time = named('time', () => millisecondsOf(expression.evaluate(variables)))
    if (time === undefined) throw new HermesError('message_invalid', `time: ${expression.text} is no time`)
    if (time <= this.#now + this.#aheadMs) return time
    throw new HermesError('message_invalid', `time: ${new Date(time).toISOString()} lies too far ahead; see ahead`)
  }

  #results(closed: readonly Closed<Group>[], position: Position): Batch {
    const values = closed.map((each) => this.#result(each))
    const metas = closed.map(({ key, start }): Meta => {
      const id = `${key}@${new Date(start).toISOString()}`
      return this.#by.length === 0 ? { id } : { id, key }
    })
    return valueBatch(values, position, metas)
  }

  #result({ start, end, group }: Closed<Group>): unknown {
    return Object.fromEntries([
      ...this.#by.map(([name], index) => [name, group.by[index]] as const),
      ['start', new Date(start).toISOString()],
      ['end', new Date(end).toISOString()],
      ...this.#values.map(({ name }, index) => [name, group.accumulators[index]?.result()] as const),
    ])
  }
}

function valueOf(name: string, rule: AggregateConfig['values'][string]): Value {
  for (const [key, text] of Object.entries(rule)) {
    if (Object.hasOwn(aggregations, key)) {
      const aggregation = aggregations[key as keyof typeof aggregations]
      return { name, aggregation, expression: key === 'count' ? messageCondition(text) : messageExpression(text) }
    }
  }
  throw invalid(`values.${name} must say what to do: ${Object.keys(aggregations).join(', ')}`)
}

/** Milliseconds since the epoch of what an expression for a time gives; undefined when it is none. */
function millisecondsOf(value: unknown): number | undefined {
  const isText = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T/.test(value)
  const time = isText ? Date.parse(value) : typeof value === 'number' ? Math.floor(value) : Number.NaN
  return time >= earliest && time <= latest ? time : undefined
}

/** Puts the field before what is thrown. */
function named<T>(field: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HermesError('message_invalid', `${field}: ${reason}`, { cause: error })
  }
}

function invalid(message: string): HermesError {
  return new HermesError('invalid_value', message)
}
