import { hash } from 'node:crypto'
import { isRawNumber } from '../../lossless-json.ts'
import type { LosslessExpression } from '../../manifest/expression-lossless.ts'
import type { Batch } from '../../stream/batch.ts'
import type { MessageVariables } from './message-scope.ts'

/** Longer identities are kept as their hash. */
const maxLength = 64

/**
 * A text of bounded length that is the same for messages that are the same: by the result of an expression; without one
 * by the id, and without an id by the bytes of the payload. Throws what the expression throws.
 */
export function identityOf(
  batch: Batch,
  index: number,
  by: LosslessExpression | undefined,
  variables: MessageVariables,
): string {
  if (by !== undefined) return bounded(canonical(by.evaluate(variables.at(index))))
  const { id } = batch.meta(index)
  return id === undefined ? `#${digest(batch.bytes(index))}` : bounded(`=${id}`)
}

/** JSON with the fields of objects in order: one text for equal values, `1` and `"1"` apart. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(',')}}`
}

function bounded(text: string): string {
  return text.length > maxLength ? `#${digest(text)}` : text
}

/** SHA-256: two different messages never meet. */
function digest(content: string | Uint8Array): string {
  return hash('sha256', content, 'base64')
}

/** In [0, 1), evenly, the same for the same text: FNV-1a of 32 bits, mixed by the finish of MurmurHash3. */
export function fractionOf(text: string): number {
  let mixed = 0x811c9dc5
  for (let index = 0; index < text.length; index++) mixed = Math.imul(mixed ^ text.charCodeAt(index), 0x01000193)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
}
