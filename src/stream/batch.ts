/** Where a source stands, opaque to everybody but the source: JSON, or `undefined` for its beginning. */
export type Position = unknown

/** What is known of a message beside its payload; each part absent unless somebody gave it. */
export interface Meta {
  /** Tells the message from all others of its workflow, again after a restart: what sinks write once by. */
  readonly id?: string
  /** Messages with one key keep their order (invariant 7). */
  readonly key?: string
  /** The named branch that a `route` step chose; without one the message goes to every sink. */
  readonly route?: string
  /** How often it was tried before it came from the dead letters again. */
  readonly attempts?: number
}

/**
 * The moving unit. A message's payload is bytes until somebody asks for its value, and a value until somebody asks for
 * its bytes: each is made once, and never when nobody asks.
 */
export interface Batch {
  readonly size: number
  /** The position after this batch; absent when the source cannot resume behind it. */
  readonly position?: Position
  /** Of all payloads: exact where they came as bytes, else an estimate that makes few of them. */
  readonly byteLength: number
  /** Throws `message_invalid` for bytes that are not what they should be. */
  value(index: number): unknown
  /** UTF-8 JSON of a value, or the payload as it came. */
  bytes(index: number): Uint8Array
  /**
   * The same as text, where nobody has made bytes of it yet: UTF-8 JSON of a value, cheaper for who writes many into one
   * block. Undefined, or absent, where there are bytes.
   */
  text?(index: number): string | undefined
  /** All values, in order; the array must not be changed. */
  values(): readonly unknown[]
  /** How many messages have an id; absent where that takes a look at each. */
  readonly identified?: number | undefined
  /** What is known of a message; the same object for all of which nothing is known. */
  meta(index: number): Meta
}

/** Of messages of which nothing is known but their payload. */
export const noMeta: Meta = Object.freeze({})
