/** Values of a row by column, as the server writes them; undefined is one that was too large to repeat and did not change. */
export type Tuple = readonly (string | null | undefined)[]

export interface RelationColumn {
  readonly name: string
  readonly type: number
  /** Part of the replica identity. */
  readonly isKey: boolean
}

/** A table as of the changes that follow. */
export interface Relation {
  readonly kind: 'relation'
  readonly oid: number
  readonly schema: string
  readonly table: string
  /** Replica identity: `d` primary key, `i` an index, `f` the whole row, `n` nothing. */
  readonly identity: string
  readonly columns: readonly RelationColumn[]
}

/** `before` is the row as it was when `isWhole`, else its key only; absent when the key did not change. */
export interface Update {
  readonly kind: 'update'
  readonly relation: number
  readonly before?: Tuple
  readonly isWhole: boolean
  readonly after: Tuple
}

/** One message of the pgoutput plugin, protocol version 1. */
export type PgOutput =
  | { readonly kind: 'begin'; readonly lsn: bigint; readonly micros: bigint; readonly xid: number }
  | { readonly kind: 'commit'; readonly end: bigint }
  | Relation
  | { readonly kind: 'insert'; readonly relation: number; readonly after: Tuple }
  | Update
  | { readonly kind: 'delete'; readonly relation: number; readonly before: Tuple; readonly isWhole: boolean }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  /** A type's name, an origin, a message of another program: nothing that is passed on. */
  | { readonly kind: 'other' }

/** Reads one message from `at` on. Throws RangeError for bytes that are none. */
export function readPgOutput(bytes: Buffer, at: number): PgOutput {
  const reader = new Reader(bytes, at + 1)
  switch (bytes[at]) {
    case 0x42: // B
      return { kind: 'begin', lsn: reader.int64(), micros: reader.int64(), xid: reader.int32() }
    case 0x43: // C
      reader.skip(9)
      return { kind: 'commit', end: reader.int64() }
    case 0x52: // R
      return readRelation(reader)
    case 0x49: // I
      return { kind: 'insert', relation: reader.int32(), after: reader.tuple('N') }
    case 0x55: // U
      return readUpdate(reader)
    case 0x44: // D
      return readDelete(reader)
    case 0x54: // T
      return readTruncate(reader)
    default:
      return { kind: 'other' }
  }
}

/** Whether a message, which begins at `at`, counts as a change. */
export function isChange(bytes: Buffer, at: number): boolean {
  const kind = bytes[at]
  return kind === 0x49 || kind === 0x55 || kind === 0x44 || kind === 0x54
}

function readRelation(reader: Reader): Relation {
  const oid = reader.int32()
  const schema = reader.text()
  const about = { kind: 'relation' as const, oid, schema: schema === '' ? 'pg_catalog' : schema, table: reader.text() }
  const identity = reader.char()
  const columns = Array.from({ length: reader.int16() }, () => {
    const isKey = (reader.byte() & 1) === 1
    const column = { name: reader.text(), type: reader.int32(), isKey }
    reader.skip(4)
    return column
  })
  return { ...about, identity, columns }
}

function readUpdate(reader: Reader): PgOutput {
  const relation = reader.int32()
  const isWhole = reader.peek() === 'O'
  const before = reader.peek() === 'N' ? undefined : reader.tuple()
  const after = reader.tuple('N')
  return { kind: 'update', relation, isWhole, ...(before === undefined ? {} : { before }), after }
}

function readDelete(reader: Reader): PgOutput {
  const relation = reader.int32()
  const isWhole = reader.peek() === 'O'
  return { kind: 'delete', relation, before: reader.tuple(), isWhole }
}

function readTruncate(reader: Reader): PgOutput {
  const count = reader.int32()
  reader.skip(1)
  return { kind: 'truncate', relations: Array.from({ length: count }, () => reader.int32()) }
}

class Reader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  skip(count: number): void {
    this.#at += count
  }

  byte(): number {
    this.#at += 1
    return this.#bytes.readUInt8(this.#at - 1)
  }

  char(): string {
    return String.fromCharCode(this.byte())
  }

  peek(): string {
    return String.fromCharCode(this.#bytes.readUInt8(this.#at))
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readUInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readUInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  /** Up to a zero byte. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw new RangeError('a name of pgoutput has no end')
    const text = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 1
    return text
  }

  tuple(expected?: string): Tuple {
    const kind = this.char()
    if (expected !== undefined && kind !== expected) throw new RangeError(`pgoutput has ${kind} where a row is due`)
    const count = this.int16()
    const values: (string | null | undefined)[] = []
    for (let index = 0; index < count; index += 1) values.push(this.#value())
    return values
  }

  #value(): string | null | undefined {
    const kind = this.byte()
    if (kind === 0x6e) return null // n
    if (kind === 0x75) return undefined // u
    if (kind !== 0x74) throw new RangeError('pgoutput has a value that is no text')
    const length = this.int32()
    const text = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return text
  }
}
