import { HermesError } from '../../errors.ts'
import { isChange, type PgOutput, type Relation, readPgOutput, type Tuple, type Update } from './pgoutput.ts'
import { lsnText, protocolTime } from './postgres-lsn.ts'
import { type RowMessage, TableShape } from './postgres-message.ts'
import type { TypeCatalog } from './postgres-types.ts'

/** Where reading goes on: changes up to this one are not given again. */
export interface ResumePlace {
  readonly lsn: bigint
  readonly index: number
}

export interface TransactionsParts {
  readonly types: TypeCatalog
  /** Tables to be given, by their ids; absent: all that come. */
  readonly tables: ReadonlySet<number> | undefined
  readonly resume: ResumePlace
  /** Finds out about types, and the names of the primary key's columns of a table. */
  readonly look: (types: readonly number[], table: number) => Promise<readonly string[]>
}

interface Known extends TableShape {
  readonly isWanted: boolean
}

/** Makes messages of what the pgoutput plugin sends. A transaction that comes again gives the same ids. */
export class Transactions {
  readonly #parts: TransactionsParts
  readonly #shapes = new Map<number, Known>()
  #lsn = 0n
  /** Changes of the transaction so far, given or not. */
  #index = 0
  #skip = 0
  /** The last parts of every message of the transaction. */
  #tail = ''

  constructor(parts: TransactionsParts) {
    this.#parts = parts
  }

  /** Whether a transaction has begun and not ended. */
  isOpen = false

  /** The last change that came. */
  get place(): ResumePlace {
    return { lsn: this.#lsn, index: this.#index }
  }

  /**
   * The messages of what begins at `at`: none, one, or two for a row whose key changed. `end` is called with the place
   * behind a transaction that is over.
   */
  read(bytes: Buffer, at: number, end: (lsn: bigint) => void): readonly RowMessage[] | Promise<readonly RowMessage[]> {
    if (isChange(bytes, at)) {
      this.#index += 1
      if (this.#index <= this.#skip) return []
      return this.#change(readPgOutput(bytes, at))
    }
    const output = readPgOutput(bytes, at)
    if (output.kind === 'relation') return this.#learn(output)
    if (output.kind === 'begin') this.#begin(output)
    else if (output.kind === 'commit') {
      this.isOpen = false
      end(output.end)
    }
    return []
  }

  #begin({ lsn, micros, xid }: Extract<PgOutput, { kind: 'begin' }>): void {
    const { resume } = this.#parts
    this.isOpen = true
    this.#lsn = lsn
    this.#index = 0
    this.#skip = lsn < resume.lsn ? Number.POSITIVE_INFINITY : lsn === resume.lsn ? resume.index : 0
    this.#tail = `,"lsn":"${lsnText(lsn)}","commitTime":"${protocolTime(micros)}","transaction":${xid}`
  }

  /** A table as it is from here on: columns come, go, are renamed and change their type in the middle of the stream. */
  async #learn({ oid, schema, table, identity, columns }: Relation): Promise<readonly RowMessage[]> {
    const { types, tables, look } = this.#parts
    const wanted = types.unknown(columns.map(({ type }) => type))
    const hasIdentity = identity === 'd' || identity === 'i'
    const primary = wanted.length > 0 || !hasIdentity ? await look(wanted, oid) : []
    const isKey = (index: number): boolean =>
      hasIdentity ? columns[index]?.isKey === true : primary.includes(columns[index]?.name ?? '')
    const key = columns.flatMap((_, index) => (isKey(index) ? [index] : []))
    const described = columns.map(({ name, type }) => ({ name, toJson: types.decoder(type) }))
    const shape = new TableShape(schema, table, described, key)
    this.#shapes.set(oid, Object.assign(shape, { isWanted: tables === undefined || tables.has(oid) }))
    return []
  }

  #change(output: PgOutput): readonly RowMessage[] {
    switch (output.kind) {
      case 'insert':
        return this.#insert(this.#shape(output.relation), output.after)
      case 'update':
        return this.#update(this.#shape(output.relation), output)
      case 'delete':
        return this.#delete(this.#shape(output.relation), output.before, output.isWhole)
      case 'truncate':
        return output.relations.flatMap((oid, index) => this.#truncate(this.#shape(oid), index))
      default:
        return []
    }
  }

  #shape(oid: number): Known {
    const shape = this.#shapes.get(oid)
    if (shape === undefined) throw new HermesError('connector_unavailable', `the server did not describe table ${oid}`)
    return shape
  }

  #insert(shape: Known, after: Tuple): readonly RowMessage[] {
    if (!shape.isWanted) return []
    const missing = shape.missing(after)
    const parts = `,"after":${shape.row(after)}${missing === undefined ? '' : `,"unchanged":${missing}`}`
    return [shape.message('insert', this.#id(), shape.key(after), parts + this.#tail)]
  }

  /** A row that got another key went, and came: who keeps rows by their key has to hear of both. */
  #update(shape: Known, { before, isWhole, after: sent }: Update): readonly RowMessage[] {
    if (!shape.isWanted) return []
    const after = isWhole ? sent.map((value, index) => (value === undefined ? before?.[index] : value)) : sent
    const key = shape.key(after)
    if (before !== undefined && shape.hasKey && shape.key(before) !== key) {
      const gone = shape.message('delete', `${this.#id()}-`, shape.key(before), this.#tail)
      return [gone, ...this.#insert(shape, after)]
    }
    const missing = shape.missing(after)
    const old = before === undefined || !isWhole ? '' : this.#before(shape, before)
    const rest = `,"after":${shape.row(after)}${missing === undefined ? '' : `,"unchanged":${missing}`}${this.#tail}`
    return [shape.message('update', this.#id(), key, old + rest)]
  }

  #before(shape: Known, before: Tuple): string {
    return `,"before":${shape.row(before)}`
  }

  #delete(shape: Known, before: Tuple, isWhole: boolean): readonly RowMessage[] {
    if (!shape.isWanted) return []
    const parts = isWhole ? this.#before(shape, before) : ''
    return [shape.message('delete', this.#id(), shape.key(before), parts + this.#tail)]
  }

  #truncate(shape: Known, index: number): readonly RowMessage[] {
    if (!shape.isWanted) return []
    const id = index === 0 ? this.#id() : `${this.#id()}+${index}`
    return [shape.message('truncate', id, '', this.#tail)]
  }

  #id(): string {
    return `${lsnText(this.#lsn)}:${this.#index}`
  }
}
