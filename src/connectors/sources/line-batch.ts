import { isUtf8 } from 'node:buffer'
import { parseLossless } from '../../lossless-json.ts'
import type { Batch, Meta } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'

/** Lines within a block of bytes: where each begins and ends, one after the other, without its line break. */
export interface Lines {
  readonly block: Buffer
  readonly bounds: readonly number[]
}

/** What is known of lines beside their bytes. */
export interface LineOrigin {
  readonly position?: unknown
  /** Tells one line from all others by where it begins in the block. */
  id?(start: number): string
}

const noMeta: Meta = Object.freeze({})

/** Lines as messages; a payload is a view of the block, made when somebody asks for it. */
export class LineBatch implements Batch {
  readonly size: number
  declare readonly position?: unknown
  readonly #lines: Lines
  readonly #origin: LineOrigin
  #values: LineValues | undefined

  constructor(lines: Lines, origin: LineOrigin = {}) {
    this.size = lines.bounds.length / 2
    this.#lines = lines
    this.#origin = origin
    if (origin.position !== undefined) this.position = origin.position
  }

  get identified(): number {
    return this.#origin.id === undefined ? 0 : this.size
  }

  get byteLength(): number {
    const { bounds } = this.#lines
    let length = 0
    for (let at = 0; at < bounds.length; at += 2) length += (bounds[at + 1] ?? 0) - (bounds[at] ?? 0)
    return length
  }

  value(index: number): unknown {
    return this.#parsed().at(index)
  }

  bytes(index: number): Uint8Array {
    const { block, bounds } = this.#lines
    const start = bounds[index * 2]
    if (start === undefined) throw new RangeError(`no message ${index} in a batch of ${this.size}`)
    return block.subarray(start, bounds[index * 2 + 1])
  }

  values(): readonly unknown[] {
    return Array.from({ length: this.size }, (_, index) => this.value(index))
  }

  meta(index: number): Meta {
    const start = this.#lines.bounds[index * 2]
    return this.#origin.id === undefined || start === undefined ? noMeta : { id: this.#origin.id(start) }
  }

  #parsed(): LineValues {
    this.#values ??= new LineValues(this.#lines)
    return this.#values
  }
}

/** What is longer may be nested too deep. */
const SHORT = 2_000
/** Begins a byte order mark. */
const MARK = 0xef

/** The values of lines of JSON, each made once. Whether they are UTF-8 is asked once, for all of them. */
class LineValues {
  readonly #lines: Lines
  readonly #values: unknown[] = []
  readonly #areText: boolean

  constructor(lines: Lines) {
    const { block, bounds } = lines
    this.#lines = lines
    this.#areText = isUtf8(block.subarray(bounds[0], bounds.at(-1)))
  }

  /** Throws `message_invalid` for a line that is not JSON in UTF-8. */
  at(index: number): unknown {
    const known = this.#values[index]
    if (known !== undefined) return known
    const value = this.#parse(index)
    this.#values[index] = value
    return value
  }

  #parse(index: number): unknown {
    const { block, bounds } = this.#lines
    const start = bounds[index * 2] ?? 0
    const end = bounds[index * 2 + 1] ?? 0
    if (this.#areText && end - start <= SHORT && block[start] !== MARK) {
      try {
        return parseLossless(block.toString('utf8', start, end))
      } catch {
        // What is wrong with it is told below.
      }
    }
    return bytesBatch([block.subarray(start, end)]).value(0)
  }
}

const NEWLINE = 0x0a
const RETURN = 0x0d

/** Lines that were found; `end` is behind the last one and its line break. */
export interface FoundLines extends Lines {
  readonly end: number
  /** The line that begins at `end` is longer than it may be. */
  readonly long: boolean
}

/** Finds the lines that end in `block` from `from` on, at most `most`. Empty ones are left out. */
export function findLines(block: Buffer, from: number, most: number, maxLineBytes: number): FoundLines {
  const bounds: number[] = []
  let start = from
  for (let end = block.indexOf(NEWLINE, start); end >= 0; end = block.indexOf(NEWLINE, start)) {
    if (end - start > maxLineBytes) return { block, bounds, end: start, long: true }
    addLine(bounds, block, start, end)
    start = end + 1
    if (bounds.length >= most * 2) return { block, bounds, end: start, long: false }
  }
  return { block, bounds, end: start, long: block.length - start > maxLineBytes }
}

/** The bytes from `from` to the end as one line that nobody will end any more; none when there are no bytes. */
export function lastLine(block: Buffer, from: number): FoundLines {
  const bounds: number[] = []
  addLine(bounds, block, from, block.length)
  return { block, bounds, end: block.length, long: false }
}

function addLine(bounds: number[], block: Buffer, start: number, end: number): void {
  const bare = block[end - 1] === RETURN && end > start ? end - 1 : end
  if (bare > start) bounds.push(start, bare)
}
