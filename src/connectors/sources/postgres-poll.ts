import type { Clock } from '../../clock.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import { openPostgres, type PostgresClient } from '../postgres-client.ts'
import type { PostgresServerConfig } from '../postgres-config.ts'
import { ReadSize } from '../read-size.ts'
import type { PostgresPollConfig } from './postgres-config.ts'
import { TableShape } from './postgres-message.ts'
import { moved, type PollPosition, pollPosition, type RowPlace, settledPlace } from './postgres-poll-position.ts'
import { type Page, Question } from './postgres-question.ts'
import { RecentRows } from './postgres-recent-rows.ts'
import { TypeCatalog } from './postgres-types.ts'

export interface PostgresPollParts {
  readonly server: PostgresServerConfig
  readonly poll: PostgresPollConfig
  readonly clock: Clock
  readonly log: Log
}

/** One connection, on which rows are asked for. */
interface Asking {
  readonly client: PostgresClient
  readonly question: Question
  readonly until: AbortSignal
}

interface Row {
  readonly payload: Buffer
  readonly place: RowPlace
  readonly id: string
  readonly key: string
}

/** A table or query that is asked again and again for the rows behind the last one. */
export class PostgresPoll implements Source {
  readonly #parts: PostgresPollParts
  readonly #settleMs: number
  readonly #of: string
  readonly #types = new TypeCatalog()
  readonly #size: ReadSize
  #recent = new RecentRows()
  readonly #closed = new AbortController()
  #position: PollPosition | undefined

  constructor(parts: PostgresPollParts) {
    const { table, cursor, key, batch, settle } = parts.poll
    this.#parts = parts
    this.#settleMs = durationMs(settle)
    this.#size = new ReadSize(batch)
    this.#of = JSON.stringify([table ?? null, cursor, key ?? null])
  }

  /** A loss of connection is bridged for half a minute; then it throws `connector_unavailable`. */
  read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
    this.#position = pollPosition(from, this.#of)
    this.#recent = new RecentRows()
    const until = { stop, signal, closed: this.#closed.signal }
    return bridged((over, ended) => this.#connected(over, ended), until, this.#parts)
  }

  /** Throws `connector_refused` for a table or column that is not there. */
  async ping(signal: AbortSignal): Promise<void> {
    await using client = await this.#open(signal)
    await Question.open(client, this.#parts.poll, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }

  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    const { clock, poll } = this.#parts
    await using client = await this.#open(until)
    const question = await Question.open(client, poll, until)
    const asking = { client, question, until }
    this.#position ??= await this.#beginning(asking)
    const everyMs = durationMs(poll.every)
    for (;;) {
      const asked = clock.now()
      if (this.#settleMs > 0) yield* this.#late(asking)
      this.#position = { ...this.#now, asked }
      yield* this.#new(asking)
      over()
      await clock.sleep(everyMs, until)
    }
  }

  /** What was not committed yet when the first question would be asked, is when it is. */
  async #beginning({ client, question, until }: Asking): Promise<PollPosition> {
    const { clock } = this.#parts
    if (this.#settleMs === 0) return { of: this.#of, head: [], asked: clock.now(), marks: [] }
    const at = clock.now()
    const place = await question.last(client, until)
    await clock.sleep(this.#settleMs, until)
    return { of: this.#of, head: [], asked: clock.now(), marks: [{ at, place }] }
  }

  /** Rows before the last one that were committed after it; the position stays. */
  async *#late(asking: Asking): AsyncGenerator<Batch> {
    const { head } = this.#now
    if (head.length === 0) return
    const found = new RecentRows()
    for await (const rows of this.#pages(asking, settledPlace(this.#now, this.#settleMs), head)) {
      const unseen = rows.filter(({ id }) => !this.#recent.has(id))
      found.add(rows)
      this.#recent.add(unseen)
      if (unseen.length > 0) yield this.#batch(unseen)
    }
    // All that can be found was found: the others cannot come again.
    this.#recent = found
  }

  async *#new(asking: Asking): AsyncGenerator<Batch> {
    for await (const rows of this.#pages(asking, this.#now.head)) {
      if (this.#settleMs > 0) this.#recent.add(rows)
      const place = rows.at(-1)?.place ?? this.#now.head
      this.#position = moved(this.#now, place, this.#parts.clock.now(), this.#settleMs)
      yield this.#batch(rows)
    }
  }

  async *#pages({ client, question, until }: Asking, after: RowPlace, upTo?: RowPlace): AsyncGenerator<readonly Row[]> {
    for (let from = after; ; ) {
      const limit = this.#size.count
      const range = { after: from, limit, ...(upTo === undefined ? {} : { upTo }) }
      const rows = await this.#rows(await question.page(client, range, until), { client, question, until })
      if (rows.length > 0) yield rows
      if (rows.length < limit) return
      from = rows.at(-1)?.place ?? from
    }
  }

  async #rows({ answer, width }: Page, { client, question, until }: Asking): Promise<readonly Row[]> {
    const fields = answer.fields.slice(0, width)
    await this.#types.learn(
      fields.map(({ type }) => type),
      client,
      until,
    )
    const columns = fields.map(({ name, type }) => ({ name, toJson: this.#types.decoder(type) }))
    const shape = new TableShape('', '', columns, [])
    const rows = answer.rows.map((row) => {
      const place = row.slice(width).map((value) => value ?? '')
      const key = `${question.name}${JSON.stringify(place.slice(1))}`
      return { payload: Buffer.from(shape.row(row)), place, id: `${key}@${place[0] ?? ''}`, key }
    })
    this.#size.had(
      rows.length,
      rows.reduce((sum, { payload }) => sum + payload.length, 0),
    )
    return rows
  }

  get #now(): PollPosition {
    if (this.#position === undefined) throw new TypeError('polling has not begun')
    return this.#position
  }

  #batch(rows: readonly Row[]): Batch {
    const payloads = rows.map(({ payload }) => payload)
    return bytesBatch(payloads, { position: this.#now, metas: rows.map(({ id, key }) => ({ id, key })) })
  }

  #open(signal: AbortSignal): Promise<PostgresClient> {
    return openPostgres(this.#parts.server, signal, { settings: [['default_transaction_read_only', 'on']] })
  }
}
