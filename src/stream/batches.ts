import { HermesError } from '../errors.ts'
import { parseLossless } from '../lossless-json.ts'
import { type Batch, type Meta, noMeta, type Position } from './batch.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** What may be said of a batch beside its payloads. */
export interface BatchOptions {
  readonly position?: Position
  readonly metas?: Metas
}

/** What is known of each message: a list, or a function that is asked only when somebody wants to know. */
export type Metas = readonly Meta[] | ((index: number) => Meta)

/** A batch of parsed values, as fetches make them. Bytes are made of them when somebody asks. */
export function valueBatch(values: readonly unknown[], position?: Position, metas?: Metas): Batch {
  return new ValueBatch(values, position, metas)
}

/** A batch of payloads as they came, JSON unless `parse` says what they are. Values are made of them when somebody asks. */
export function bytesBatch(
  payloads: readonly Uint8Array[],
  { position, metas }: BatchOptions = {},
  parse: (bytes: Uint8Array) => unknown = parseJson,
): Batch {
  return new BytesBatch(payloads, position, metas, parse)
}

/** The messages of a batch at these places, in this order; nothing of them is copied. */
export function pick(batch: Batch, indexes: readonly number[]): Batch {
  return new PickedBatch(batch, indexes)
}

/** A batch with other values in the place of its own: what is known of each message stays. */
export function withValues(batch: Batch, values: readonly unknown[]): Batch {
  return new RevaluedBatch(batch, values)
}

/** A batch of which something else is known: `metas` holds one for each message. */
export function withMetas(batch: Batch, metas: readonly Meta[]): Batch {
  return new LabelledBatch(batch, metas)
}

/** Several batches as one, in order; its position is the last one's. */
export function joined(batches: readonly Batch[]): Batch {
  const [only] = batches
  return batches.length === 1 && only !== undefined ? only : new JoinedBatch(batches)
}

/** Throws `message_invalid`. */
function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > 2 * MOST_LEVELS && isTooDeep(bytes)) {
    throw new HermesError('message_invalid', `the payload is nested deeper than ${MOST_LEVELS} levels`)
  }
  try {
    return parseLossless(decoder.decode(bytes))
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it is not UTF-8'
    throw new HermesError('message_invalid', `the payload is not JSON: ${reason}`)
  }
}

/** So many values are made bytes for an estimate. */
const SAMPLES = 4

function estimate(batch: Pick<Batch, 'size' | 'bytes'>): number {
  const step = Math.max(1, Math.floor(batch.size / SAMPLES))
  let length = 0
  let count = 0
  for (let index = 0; index < batch.size; index += step) {
    length += batch.bytes(index).length
    count += 1
  }
  return count === 0 ? 0 : Math.ceil((length / count) * batch.size)
}

/** What is nested deeper can be read, but not written again; databases refuse it too. */
const MOST_LEVELS = 1_000

function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]
    if (byte === 0x22) index = endOfText(bytes, index)
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1
      if (depth > MOST_LEVELS) return true
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1
  }
  return false
}

/** The closing quote of a text that begins here. */
function endOfText(bytes: Uint8Array, start: number): number {
  let index = start + 1
  while (index < bytes.length && bytes[index] !== 0x22) index += bytes[index] === 0x5c ? 2 : 1
  return index
}

function metaIn(metas: Metas | undefined, index: number): Meta {
  if (metas === undefined) return noMeta
  return typeof metas === 'function' ? metas(index) : (metas[index] ?? noMeta)
}

function allValues(batch: Batch): readonly unknown[] {
  return Array.from({ length: batch.size }, (_, index) => batch.value(index))
}

class ValueBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #values: readonly unknown[]
  readonly #metas: Metas | undefined
  #bytes: (Uint8Array | undefined)[] | undefined
  #byteLength: number | undefined

  constructor(values: readonly unknown[], position: Position, metas: Metas | undefined) {
    this.size = values.length
    this.#values = values
    this.#metas = metas
    if (position !== undefined) this.position = position
  }

  get byteLength(): number {
    this.#byteLength ??= estimate(this)
    return this.#byteLength
  }

  value(index: number): unknown {
    return this.#values[index]
  }

  bytes(index: number): Uint8Array {
    this.#bytes ??= []
    const made = this.#bytes[index] ?? Buffer.from(JSON.stringify(this.#values[index]))
    this.#bytes[index] = made
    return made
  }

  values(): readonly unknown[] {
    return this.#values
  }

  meta(index: number): Meta {
    return metaIn(this.#metas, index)
  }
}

const unparsed = Symbol('unparsed')

class BytesBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #payloads: readonly Uint8Array[]
  readonly #metas: Metas | undefined
  readonly #parse: (bytes: Uint8Array) => unknown
  #values: unknown[] | undefined
  #byteLength: number | undefined

  constructor(
    payloads: readonly Uint8Array[],
    position: Position,
    metas: Metas | undefined,
    parse: (bytes: Uint8Array) => unknown,
  ) {
    this.size = payloads.length
    this.#payloads = payloads
    this.#metas = metas
    this.#parse = parse
    if (position !== undefined) this.position = position
  }

  get byteLength(): number {
    this.#byteLength ??= this.#payloads.reduce((sum, payload) => sum + payload.length, 0)
    return this.#byteLength
  }

  value(index: number): unknown {
    this.#values ??= Array.from({ length: this.size }, () => unparsed)
    const known = this.#values[index]
    if (known !== unparsed) return known
    const parsed = this.#parse(this.bytes(index))
    this.#values[index] = parsed
    return parsed
  }

  bytes(index: number): Uint8Array {
    const payload = this.#payloads[index]
    if (payload === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return payload
  }

  values(): readonly unknown[] {
    return allValues(this)
  }

  meta(index: number): Meta {
    return metaIn(this.#metas, index)
  }
}

class PickedBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #base: Batch
  readonly #indexes: readonly number[]

  constructor(base: Batch, indexes: readonly number[]) {
    this.size = indexes.length
    this.#base = base
    this.#indexes = indexes
    if (base.position !== undefined) this.position = base.position
  }

  get byteLength(): number {
    const { size, byteLength } = this.#base
    return size === 0 ? 0 : Math.ceil((byteLength / size) * this.size)
  }

  value(index: number): unknown {
    return this.#base.value(this.#at(index))
  }

  bytes(index: number): Uint8Array {
    return this.#base.bytes(this.#at(index))
  }

  values(): readonly unknown[] {
    return allValues(this)
  }

  meta(index: number): Meta {
    return this.#base.meta(this.#at(index))
  }

  #at(index: number): number {
    const at = this.#indexes[index]
    if (at === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return at
  }
}

class RevaluedBatch extends ValueBatch {
  readonly #base: Batch

  constructor(base: Batch, values: readonly unknown[]) {
    super(values, base.position, undefined)
    this.#base = base
  }

  override meta(index: number): Meta {
    return this.#base.meta(index)
  }
}

class LabelledBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #base: Batch
  readonly #metas: readonly Meta[]

  constructor(base: Batch, metas: readonly Meta[]) {
    this.size = base.size
    this.#base = base
    this.#metas = metas
    if (base.position !== undefined) this.position = base.position
  }

  get byteLength(): number {
    return this.#base.byteLength
  }

  value(index: number): unknown {
    return this.#base.value(index)
  }

  bytes(index: number): Uint8Array {
    return this.#base.bytes(index)
  }

  values(): readonly unknown[] {
    return this.#base.values()
  }

  meta(index: number): Meta {
    return this.#metas[index] ?? noMeta
  }
}

class JoinedBatch implements Batch {
  readonly size: number
  declare readonly position?: Position
  readonly #batches: readonly Batch[]
  /** Index of the first message of each. */
  readonly #starts: readonly number[]

  constructor(batches: readonly Batch[]) {
    const starts: number[] = []
    let size = 0
    for (const batch of batches) {
      starts.push(size)
      size += batch.size
    }
    this.size = size
    this.#batches = batches
    this.#starts = starts
    const position = batches.at(-1)?.position
    if (position !== undefined) this.position = position
  }

  get byteLength(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.byteLength, 0)
  }

  value(index: number): unknown {
    const { batch, at } = this.#find(index)
    return batch.value(at)
  }

  bytes(index: number): Uint8Array {
    const { batch, at } = this.#find(index)
    return batch.bytes(at)
  }

  values(): readonly unknown[] {
    return this.#batches.flatMap((batch) => batch.values())
  }

  meta(index: number): Meta {
    const { batch, at } = this.#find(index)
    return batch.meta(at)
  }

  #find(index: number): { readonly batch: Batch; readonly at: number } {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= index) low = middle
      else high = middle - 1
    }
    const batch = this.#batches[low]
    if (batch === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return { batch, at: index - (this.#starts[low] ?? 0) }
  }
}
