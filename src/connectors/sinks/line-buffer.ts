import type { Batch } from '../../stream/batch.ts'
import type { Rejection } from '../../stream/sink.ts'

const LEAST = 64 * 1024
/** A buffer that grew larger for one batch is not kept. */
const KEPT = 16 * 1024 * 1024
const NEWLINE = 0x0a
const RETURN = 0x0d

/** Bytes of one write, in memory that is used again for the next. */
export class LineBuffer {
  #block = Buffer.allocUnsafeSlow(LEAST)
  #length = 0

  /** Valid until the buffer is cleared. */
  get bytes(): Buffer {
    return this.#block.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
    if (this.#block.length > KEPT) this.#block = Buffer.allocUnsafeSlow(LEAST)
  }

  addLine(bytes: Uint8Array): void {
    this.#reserve(bytes.length + 1)
    this.#block.set(bytes, this.#length)
    this.#length += bytes.length
    this.#block[this.#length++] = NEWLINE
  }

  addText(text: string): void {
    this.#reserve(text.length * 3)
    this.#length += this.#block.write(text, this.#length)
  }

  #reserve(length: number): void {
    const needed = this.#length + length
    if (needed <= this.#block.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#block.length * 2))
    this.#block.copy(larger, 0, 0, this.#length)
    this.#block = larger
  }
}

/** Puts messages of a batch into a buffer, and says which have no form there. */
export type Encode = (batch: Batch, into: LineBuffer) => readonly Rejection[]

const none: readonly Rejection[] = []

/** One message a line: its bytes as they came, or the JSON of its value. One that holds line breaks is written anew as JSON. */
export function encodeJsonLines(batch: Batch, into: LineBuffer): readonly Rejection[] {
  let rejections: Rejection[] | undefined
  for (let index = 0; index < batch.size; index++) {
    const reason = addJsonLine(batch, index, into)
    if (reason === undefined) continue
    rejections ??= []
    rejections.push({ index, reason })
  }
  return rejections ?? none
}

/** The reason when it cannot be a line. */
function addJsonLine(batch: Batch, index: number, into: LineBuffer): string | undefined {
  try {
    const text = batch.text?.(index)
    if (text !== undefined) {
      into.addText(`${text}\n`)
      return undefined
    }
    const bytes = withoutEnd(batch.bytes(index))
    if (bytes.length === 0) return 'the payload is empty'
    if (!bytes.includes(NEWLINE)) into.addLine(bytes)
    else into.addText(`${JSON.stringify(batch.value(index))}\n`)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function withoutEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  if (bytes[end - 1] !== NEWLINE) return bytes
  end -= 1
  if (bytes[end - 1] === RETURN) end -= 1
  return bytes.subarray(0, end)
}
