/** Where a source stands, opaque to everybody but the source: JSON, or `undefined` for its beginning. */
export type Position = unknown

/**
 * The moving unit. A message's payload is bytes until somebody asks for its value, and a value until somebody asks for
 * its bytes: each is made once, and never when nobody asks.
 */
export interface Batch {
  readonly size: number
  /** The position after this batch; absent when the source cannot resume behind it. */
  readonly position?: Position
  value(index: number): unknown
  /** UTF-8 JSON of a value, or the payload as it came. */
  bytes(index: number): Uint8Array
  /** All values, in order; the array must not be changed. */
  values(): readonly unknown[]
}

const encoder = new TextEncoder()

/** A batch of parsed values, as fetches make them. */
export function valueBatch(values: readonly unknown[], position?: Position): Batch {
  return {
    size: values.length,
    ...(position === undefined ? {} : { position }),
    value: (index) => values[index],
    bytes: (index) => encoder.encode(JSON.stringify(values[index])),
    values: () => values,
  }
}
