import type { Pool, PoolClient } from 'pg'
import type { Loader, LoadTarget, Row, Statement } from '../database.ts'
import { columnList } from '../load-sql.ts'
import { identifier, identifiers, literal } from '../sql-text.ts'
import { inlined } from '../statement-text.ts'
import { cancellable } from './connection.ts'
import { conversion } from './conversion.ts'
import { copyEncoder } from './copy-encoder.ts'
import { copyIn } from './copy-in.ts'
import { copyInto, insertFrom } from './load-script.ts'
import { createStage, inboxFor } from './staging.ts'

/** Of the pool's connections so many at most are held for a whole run; the rest keeps everybody else going. */
const heldConnections = 8

const placesOf = new WeakMap<Pool, { free: number; readonly waiting: (() => void)[] }>()

/** Collects rows in a temporary table, which needs one connection for the whole run. */
export async function stagedLoader(pool: Pool, target: LoadTarget): Promise<Loader> {
  const giveBack = await holdOne(pool)
  let client: PoolClient | undefined
  try {
    client = await pool.connect()
    return new StagedLoader(pool, { client, giveBack }, target, await createStage(client, target))
  } catch (error) {
    client?.release(true)
    giveBack()
    throw error
  }
}

async function holdOne(pool: Pool): Promise<() => void> {
  const places = placesOf.get(pool) ?? { free: heldConnections, waiting: [] }
  placesOf.set(pool, places)
  if (places.free > 0) places.free--
  else await new Promise<void>((resolve) => places.waiting.push(resolve))
  return () => {
    const next = places.waiting.shift()
    if (next === undefined) places.free++
    else next()
  }
}

interface Held {
  readonly client: PoolClient
  giveBack(): void
}

class StagedLoader implements Loader {
  readonly #pool: Pool
  readonly #held: Held
  #target: LoadTarget
  #stage: string
  #encode: (rows: readonly Row[]) => Uint8Array
  /** Set once something failed or all is done: the connection is not used again. */
  #broken = false
  #disposed = false

  constructor(pool: Pool, held: Held, target: LoadTarget, stage: string) {
    this.#pool = pool
    this.#held = held
    this.#target = target
    this.#stage = stage
    this.#encode = copyEncoder(target.columns)
  }

  async write(rows: readonly Row[], beside: readonly Statement[], signal: AbortSignal): Promise<void> {
    const bytes = this.#encode(rows)
    await this.#use(async (client) => {
      const target = this.#target
      const inbox = target.key.length === 0 ? undefined : await inboxFor(client, target)
      const takeOver = inbox === undefined ? [] : [insertFrom(inbox, this.#stage, target)]
      const statements = [copyInto(inbox ?? this.#stage, target), ...takeOver, ...beside.map(inlined)]
      await copyIn(client, { statements, bytes })
    }, signal)
  }

  async swap(source: string, beside: readonly Statement[]): Promise<void> {
    const table = identifier(this.#target.table)
    const columns = columnList(this.#target)
    const statements = [
      `DELETE FROM ${table} WHERE source_name = ${literal(source)}`,
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${this.#stage}`,
      ...beside.map(inlined),
    ]
    // Without a word to the contrary, several statements in one text are one transaction.
    await this.#use((client) => client.query([...statements, `TRUNCATE ${this.#stage}`].join(';\n')))
  }

  async reshape(target: LoadTarget): Promise<void> {
    const next = new Map(target.columns.map((column) => [column.name, column]))
    const kept = this.#target.columns.filter(({ name }) => next.has(name))
    const values = kept.map(({ name, type }) => {
      const to = next.get(name)?.type ?? type
      return JSON.stringify(to) === JSON.stringify(type) ? identifier(name) : conversion(identifier(name), type, to)
    })
    await this.#use(async (client) => {
      const stage = await createStage(client, target)
      const into = `INSERT INTO ${stage} (${identifiers(kept.map(({ name }) => name))})`
      await client.query(`${into} SELECT ${values.join(', ')} FROM ${this.#stage}; DROP TABLE ${this.#stage}`)
      this.#stage = stage
    })
    this.#target = target
    this.#encode = copyEncoder(target.columns)
  }

  async #use(work: (client: PoolClient) => Promise<unknown>, signal?: AbortSignal): Promise<void> {
    this.#broken = true
    await cancellable(this.#pool, this.#held.client, work, signal)
    this.#broken = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    try {
      if (!this.#broken) await this.#use((client) => client.query(`DROP TABLE ${this.#stage}`))
    } catch {
      // The connection is gone, and the table with it.
    } finally {
      this.#held.client.release(this.#broken)
      this.#held.giveBack()
    }
  }
}
