/** Where a source of changes stands: what is behind it need not come again. */
export interface ChangesPosition {
  readonly slot: string
  /** The server's own id: what is read from another one did not follow from this. */
  readonly system: string
  /** Where the slot began: part of the ids of the rows that were there. */
  readonly start: string
  /** Tables, by their ids, of which the rows that were there have all been given. */
  readonly done: readonly number[]
  /** The table that is being read, and the key of its last row; without one it begins anew. */
  readonly reading?: { readonly table: number; readonly key: readonly string[] }
  /** The last change: the commit of its transaction, and its place in there from 1. */
  readonly lsn?: string
  readonly index?: number
  /** Behind the last transaction of which everything was given. */
  readonly flush?: string
}

const lsn = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/

/** A position that this source gave for the slot; undefined for the beginning, another slot's or another source's. */
export function changesPosition(from: unknown, slot: string): ChangesPosition | undefined {
  if (typeof from !== 'object' || from === null) return undefined
  const position = from as Partial<ChangesPosition>
  const isOurs = position.slot === slot && typeof position.system === 'string' && Array.isArray(position.done)
  const places = [position.start, position.lsn, position.flush]
  const isWhole = places.every((place) => place === undefined || lsn.test(place))
  return isOurs && isWhole && position.start !== undefined ? (position as ChangesPosition) : undefined
}

/** Whether both name the same place. */
export function isSamePlace(one: ChangesPosition, other: ChangesPosition): boolean {
  return (
    one.lsn === other.lsn &&
    one.index === other.index &&
    one.done.length === other.done.length &&
    JSON.stringify(one.reading) === JSON.stringify(other.reading)
  )
}
