import type { Meta } from '../../stream/batch.ts'
import type { Tuple } from './pgoutput.ts'
import type { ToJson } from './postgres-array.ts'

/** One message of the source: its JSON, and what is known of it. */
export interface RowMessage {
  readonly payload: Buffer
  readonly meta: Meta
}

/** A column as messages have it. */
export interface MessageColumn {
  readonly name: string
  readonly toJson: ToJson
}

/** How the rows of one table are written. */
export class TableShape {
  readonly schema: string
  readonly table: string
  /** `"schema":…,"table":…` */
  readonly #head: string
  readonly #columns: readonly { readonly label: string; readonly toJson: ToJson }[]
  readonly #key: readonly number[]

  /** `key` are places among the columns. */
  constructor(schema: string, table: string, columns: readonly MessageColumn[], key: readonly number[]) {
    this.schema = schema
    this.table = table
    this.#head = `"schema":${JSON.stringify(schema)},"table":${JSON.stringify(table)}`
    this.#columns = columns.map(({ name, toJson }) => ({ label: JSON.stringify(name), toJson }))
    this.#key = key
  }

  get hasKey(): boolean {
    return this.#key.length > 0
  }

  /** JSON object of a row; columns that did not come are not in it. */
  row(values: Tuple): string {
    let json = ''
    for (let index = 0; index < this.#columns.length; index += 1) json += this.#field(values, index, json === '')
    return `{${json}}`
  }

  /** JSON object of a row's key; empty for a table that has none. */
  key(values: Tuple): string {
    let json = ''
    for (const index of this.#key) json += this.#field(values, index, json === '')
    return `{${json}}`
  }

  /** Names of the columns that did not come, as a JSON list; undefined when all did. */
  missing(values: Tuple): string | undefined {
    const names = this.#columns.flatMap(({ label }, index) => (values[index] === undefined ? [label] : []))
    return names.length === 0 ? undefined : `[${names.join(',')}]`
  }

  /** `parts` come in between, each JSON with a comma before it. */
  message(op: string, id: string, key: string, parts: string): RowMessage {
    const keyed = this.hasKey && op !== 'truncate'
    const payload = Buffer.from(`{"op":"${op}",${this.#head}${keyed ? `,"key":${key}` : ''}${parts}}`)
    return { payload, meta: { id, key: `${this.schema}.${this.table}${keyed ? key : ''}` } }
  }

  #field(values: Tuple, index: number, isFirst: boolean): string {
    const column = this.#columns[index]
    const value = values[index]
    if (column === undefined || value === undefined) return ''
    return `${isFirst ? '' : ','}${column.label}:${value === null ? 'null' : column.toJson(value)}`
  }
}
