import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Answer, PostgresClient } from '../postgres-client.ts'
import type { PostgresPollConfig } from './postgres-config.ts'
import { identifier, literal } from './postgres-names.ts'
import type { RowPlace } from './postgres-poll-position.ts'
import { primaryKeyOf, qualified, tablesNamed } from './postgres-tables.ts'

/** Which rows are asked for: those behind one place, up to another. */
export interface Range {
  readonly after: RowPlace
  readonly upTo?: RowPlace
  readonly limit: number
}

/** A page of rows: the columns of the table or query, and behind them the place of each row. */
export interface Page {
  readonly answer: Answer
  /** Columns of the table or query. */
  readonly width: number
}

/** Columns that order the rows: the cursor, then the key; with their types as SQL writes them. */
interface OrderColumn {
  readonly name: string
  readonly type: string
}

/** The rows of a table or query in the order of cursor and key. */
export class Question {
  /** `public.orders`, or `query`: part of the ids. */
  readonly name: string
  readonly #from: string
  readonly #columns: readonly OrderColumn[]
  readonly #withinMs: number

  private constructor(
    about: { readonly name: string; readonly from: string },
    columns: readonly OrderColumn[],
    ms: number,
  ) {
    this.name = about.name
    this.#from = about.from
    this.#columns = columns
    this.#withinMs = ms
  }

  /** Throws `connector_refused` for a table or column that is not there, and for rows that nothing tells apart. */
  static async open(client: PostgresClient, config: PostgresPollConfig, signal: AbortSignal): Promise<Question> {
    const { cursor, key, statementTimeout } = config
    const about = await originOf(client, config, signal)
    const names = [cursor, ...(key ?? about.key)]
    if (names.length === 1) {
      const fix = 'Name columns in poll.key that tell apart rows with one value of the cursor.'
      throw new HermesError('connector_refused', `${client.name}: ${about.name} has no primary key`, { fix })
    }
    const list = names.map((name) => `q.${identifier(name)}`).join(', ')
    const { fields } = await client.query(`SELECT ${list} FROM (${about.from}) q LIMIT 0`, signal)
    const types = fields.map(({ type }) => `pg_catalog.format_type(${type}, -1)`)
    const [typeNames = []] = (await client.query(`SELECT ${types.join(', ')}`, signal)).rows
    const columns = names.map((name, index) => ({ name, type: typeNames[index] ?? 'text' }))
    return new Question(about, columns, durationMs(statementTimeout))
  }

  async page(client: PostgresClient, { after, upTo = [], limit }: Range, signal: AbortSignal): Promise<Page> {
    const order = this.#order
    const places = this.#columns.map(({ name }) => `q.${identifier(name)}::text`).join(', ')
    const conditions = [
      `q.${identifier(this.#columns[0]?.name ?? '')} IS NOT NULL`,
      ...(after.length === 0 ? [] : [`(${order}) > (${this.#values(after)})`]),
      ...(upTo.length === 0 ? [] : [`(${order}) <= (${this.#values(upTo)})`]),
    ]
    const text = `SELECT q.*, ${places} FROM (${this.#from}) q WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ${limit}`
    const answer = await client.query(text, signal, { withinMs: this.#withinMs })
    return { answer, width: answer.fields.length - this.#columns.length }
  }

  /** The place of the last row; empty when there is none. */
  async last(client: PostgresClient, signal: AbortSignal): Promise<RowPlace> {
    const [first = ''] = this.#names
    const places = this.#names.map((name) => `${name}::text`).join(', ')
    const text = `SELECT ${places} FROM (${this.#from}) q WHERE ${first} IS NOT NULL
      ORDER BY ${this.#names.map((name) => `${name} DESC`).join(', ')} LIMIT 1`
    const { rows } = await client.query(text, signal, { withinMs: this.#withinMs })
    return (rows[0] ?? []).map((value) => value ?? '')
  }

  get #names(): readonly string[] {
    return this.#columns.map(({ name }) => `q.${identifier(name)}`)
  }

  get #order(): string {
    return this.#names.join(', ')
  }

  #values(place: RowPlace): string {
    return this.#columns.map(({ type }, index) => `${literal(place[index] ?? '')}::${type}`).join(', ')
  }
}

interface Origin {
  readonly name: string
  readonly from: string
  readonly key: readonly string[]
}

async function originOf(
  client: PostgresClient,
  { table, query }: PostgresPollConfig,
  signal: AbortSignal,
): Promise<Origin> {
  if (table === undefined) return { name: 'query', from: `${query ?? ''}\n`, key: [] }
  const [found] = await tablesNamed(client, [table], signal)
  if (found === undefined) throw new HermesError('connector_refused', `${client.name}: there is no table ${table}`)
  const key = await primaryKeyOf(client, found.oid, signal)
  return { name: `${found.schema}.${found.name}`, from: `SELECT * FROM ${qualified(found)}`, key }
}
