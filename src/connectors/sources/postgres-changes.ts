import type { Clock } from '../../clock.ts'
import type { Batch } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import { openPostgres, withPostgres } from '../postgres-client.ts'
import type { PostgresServerConfig } from '../postgres-config.ts'
import type { PostgresChangesConfig } from './postgres-config.ts'
import { HeldPlace } from './postgres-held-place.ts'
import { DATA, DATA_AT, KEEPALIVE, ReplicationLink } from './postgres-link.ts'
import { lsnText, parseLsn } from './postgres-lsn.ts'
import type { RowMessage } from './postgres-message.ts'
import { type ReplicationNames, replicationNames } from './postgres-names.ts'
import { type ChangesPosition, changesPosition } from './postgres-position.ts'
import { ensurePublication, followedTables } from './postgres-publication.ts'
import { type BegunSlot, beginSlot } from './postgres-slot.ts'
import { beginSnapshot, snapshotPages } from './postgres-snapshot.ts'
import { type FollowedTable, primaryKeyOf } from './postgres-tables.ts'
import { Transactions } from './postgres-transactions.ts'
import { TypeCatalog } from './postgres-types.ts'

export interface PostgresChangesParts {
  readonly server: PostgresServerConfig
  readonly changes: PostgresChangesConfig
  readonly clock: Clock
  readonly log: Log
}

/** Of the payloads of a batch, about. */
const BATCH_BYTES = 4_194_304

/**
 * Tables followed by logical replication: their rows, then their changes. The slot holds the server's log for what is
 * not acknowledged; where reading goes on within it, also in the middle of a snapshot or a transaction, the position says.
 */
export class PostgresChanges implements Source {
  readonly resumes = true
  readonly #parts: PostgresChangesParts
  readonly #names: ReplicationNames
  readonly #types = new TypeCatalog()
  readonly #held = new HeldPlace()
  readonly #closed = new AbortController()
  /** Behind the last batch that was given. */
  #place: ChangesPosition | undefined
  /** Stands until the source is disposed or reads again: what was read before a stop is acknowledged after it. */
  #link: ReplicationLink | undefined

  constructor(parts: PostgresChangesParts) {
    this.#parts = parts
    this.#names = replicationNames(parts.changes)
  }

  /** A loss of connection is bridged for half a minute; then it throws `connector_unavailable`. */
  read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
    this.#place = changesPosition(from, this.#names.slot)
    this.#held.begin(this.#place)
    const until = { stop, signal, closed: this.#closed.signal }
    return bridged((over, ended) => this.#connected(over, ended), until, this.#parts)
  }

  ack(position: unknown): void {
    this.#held.ack(position as ChangesPosition)
    this.#link?.confirm(this.#held.confirmed)
  }

  /** Throws `connector_refused` for what keeps the tables from being followed. */
  async ping(signal: AbortSignal): Promise<void> {
    const { server, changes } = this.#parts
    await withPostgres(server, signal, (client) => followedTables(client, changes, signal))
    await using replication = await openPostgres(server, signal, { replication: true })
    await replication.query('IDENTIFY_SYSTEM', signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#unlink()
  }

  /** Reads by one connection, as long as it stands. */
  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    await this.#unlink()
    const tables = yield* this.#begun(over, until)
    try {
      yield* this.#streamed(tables, over, until)
    } catch (error) {
      if (!until.aborted) await this.#unlink()
      throw error
    }
  }

  /** Publication and slot are there, and every table was read, when it returns. */
  async *#begun(over: () => void, until: AbortSignal): AsyncGenerator<Batch, readonly FollowedTable[]> {
    const { server, changes } = this.#parts
    await using client = await openPostgres(server, until)
    const tables = await followedTables(client, changes, until)
    await ensurePublication(client, changes, tables, until)
    await using slot = await beginSlot(server, this.#names, this.#place, until)
    over()
    if (this.#place === undefined) {
      const { system, start } = slot
      this.#place = { slot: this.#names.slot, system, start, done: [] }
      // From now on it is known that there was a slot, whether there are rows or not.
      yield this.#batch([])
    }
    if (changes.snapshot === 'initial') yield* this.#snapshot(tables, slot, until)
    return tables
  }

  async *#snapshot(tables: readonly FollowedTable[], slot: BegunSlot, signal: AbortSignal): AsyncGenerator<Batch> {
    const { server, changes, log } = this.#parts
    const { start = '', done = [] } = this.#place ?? {}
    const missing = tables.filter(({ oid }) => !done.includes(oid))
    if (missing.length === 0) return
    log.info({ tables: missing.map(({ schema, name }) => `${schema}.${name}`) }, 'postgres snapshot begins')
    await using client = await openPostgres(server, signal)
    await beginSnapshot(client, slot.snapshot, signal)
    const parts = { client, types: this.#types, batch: changes.batch, start, signal }
    for (const table of missing) {
      const { reading, ...place } = this.#now
      const after = reading?.table === table.oid ? reading.key : undefined
      for await (const { messages, key } of snapshotPages(parts, table, after)) {
        this.#place = { ...place, ...(key === undefined ? {} : { reading: { table: table.oid, key } }) }
        yield this.#batch(messages)
      }
      this.#place = { ...place, done: [...place.done, table.oid] }
    }
    yield this.#batch([])
    log.info({ tables: missing.length }, 'postgres snapshot is complete')
  }

  async *#streamed(tables: readonly FollowedTable[], over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    const { server, changes, clock } = this.#parts
    const { lsn = '0/0', index = 0, flush: behind, start } = this.#now
    let flush = parseLsn(behind ?? start)
    const open = { from: flush, confirmed: this.#held.confirmed, clock, signal: until }
    const link = await ReplicationLink.open(server, this.#names, open)
    this.#link = link
    const transactions = new Transactions({
      types: this.#types,
      tables: new Set(tables.map(({ oid }) => oid)),
      resume: { lsn: parseLsn(lsn), index },
      look: (types, table) => this.#look(types, table, until),
    })
    const pending = new Pending(changes.batch)
    const given = (): Batch => {
      const { lsn: at, index: count } = transactions.place
      this.#place = { ...this.#now, lsn: lsnText(at), index: count, flush: lsnText(flush) }
      return this.#batch(pending.take())
    }
    for (;;) {
      for (const frame of await link.take(until)) {
        if (frame[0] === KEEPALIVE && !transactions.isOpen) flush = later(flush, frame.readBigUInt64BE(1))
        if (frame[0] !== DATA) continue
        const read = transactions.read(frame, DATA_AT, (end) => {
          flush = later(flush, end)
        })
        pending.add(read instanceof Promise ? await read : read)
        if (pending.isFull) yield given()
        until.throwIfAborted()
      }
      over()
      if (!pending.isEmpty) yield given()
      this.#held.reach(flush)
      link.confirm(this.#held.confirmed)
    }
  }

  get #now(): ChangesPosition {
    if (this.#place === undefined) throw new TypeError('no slot was begun')
    return this.#place
  }

  #batch(messages: readonly RowMessage[]): Batch {
    const position = this.#now
    this.#held.give(position)
    const payloads = messages.map(({ payload }) => payload)
    return bytesBatch(payloads, { position, metas: messages.map(({ meta }) => meta) })
  }

  /** What the stream does not say of a table: types that are not the server's own, and its primary key. */
  async #look(types: readonly number[], table: number, signal: AbortSignal): Promise<readonly string[]> {
    return await withPostgres(this.#parts.server, signal, async (client) => {
      await this.#types.learn(types, client, signal)
      return await primaryKeyOf(client, table, signal)
    })
  }

  async #unlink(): Promise<void> {
    const link = this.#link
    this.#link = undefined
    await link?.[Symbol.asyncDispose]()
  }
}

/** Messages that wait to be given together. */
class Pending {
  readonly #most: number
  #messages: RowMessage[] = []
  #bytes = 0

  constructor(most: number) {
    this.#most = most
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  get isFull(): boolean {
    return this.#messages.length >= this.#most || this.#bytes >= BATCH_BYTES
  }

  add(messages: readonly RowMessage[]): void {
    for (const message of messages) {
      this.#messages.push(message)
      this.#bytes += message.payload.length
    }
  }

  take(): readonly RowMessage[] {
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    return messages
  }
}

function later(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}
