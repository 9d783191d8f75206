import { HermesError } from '../errors.ts'
import type { SinkCode, SourceCode } from './options.ts'
import type { StepFunction } from './own-code.ts'
import { isSinkCode } from './own-sink.ts'
import { isSourceCode } from './own-source.ts'

/** The code that stands in a pipeline, by the index that stands in its place: `{ code: { index: 0 } }`. */
export interface Code {
  readonly sources: readonly SourceCode[]
  readonly steps: readonly StepFunction[]
  readonly sinks: readonly SinkCode[]
}

/** A pipeline's own words as a Workflow's spec, a copy that defaults may be filled into, and the code that stood in it. */
export interface Extracted {
  readonly spec: Readonly<Record<string, unknown>>
  readonly code: Code
}

type Fields = Readonly<Record<string, unknown>>

/** Throws `invalid_value` for code that is none. */
export function extractCode(options: Fields): Extracted {
  const sources = new Room(isSourceCode, 'an iterable, a function or an object with read()')
  const steps = new Room(isStepCode, 'a function')
  const sinks = new Room(isSinkCode, 'a function or an object with write()')
  const { source, steps: between, sinks: ends, ...others } = options
  const spec = {
    ...(copied(others) as Fields),
    ...(source === undefined ? {} : { source: sources.take(source, 'source') }),
    ...(between === undefined ? {} : { steps: each(between, (step, index) => steps.take(step, `steps[${index}]`)) }),
    ...(ends === undefined ? {} : { sinks: each(ends, (sink, index) => sinks.take(sink, `sinks[${index}]`)) }),
  }
  return { spec, code: { sources: sources.code, steps: steps.code, sinks: sinks.code } }
}

function isStepCode(code: unknown): code is StepFunction {
  return typeof code === 'function'
}

/** The code of one room. */
class Room<T> {
  readonly code: T[] = []
  readonly #isCode: (value: unknown) => value is T
  readonly #wanted: string

  constructor(isCode: (value: unknown) => value is T, wanted: string) {
    this.#isCode = isCode
    this.#wanted = wanted
  }

  take(value: unknown, path: string): unknown {
    if (this.#isCode(value)) return { code: this.#place(value) }
    if (!isFields(value)) return copied(value)
    const { code, ...others } = value
    const rest = copied(others) as Fields
    if (!Object.hasOwn(value, 'code')) return rest
    if (this.#isCode(code)) return { ...rest, code: this.#place(code) }
    throw new HermesError('invalid_value', `${path}.code must be ${this.#wanted}`)
  }

  #place(code: T): { readonly index: number } {
    return { index: this.code.push(code) - 1 }
  }
}

function each(list: unknown, take: (item: unknown, index: number) => unknown): unknown {
  return Array.isArray(list) ? list.map(take) : copied(list)
}

/** Lists and mappings anew; anything else is what it is, and its schema says whether it may be. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (!isFields(value)) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, copied(field)]))
}

function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
