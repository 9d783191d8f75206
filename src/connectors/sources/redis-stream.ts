import { hostname } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import { type Batch, type Meta, noMeta } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { bridged } from '../bridged.ts'
import { Outstanding } from '../outstanding.ts'
import { ReadSize } from '../read-size.ts'
import type { RedisClient, RedisCommand } from '../redis-client.ts'
import type { RedisStreamConfig } from './redis-config.ts'
import { type Entries, entriesOf, readEntries, type StreamEntry } from './redis-entries.ts'

export interface RedisStreamParts {
  /** Opens one more connection to the same server: reading waits, and acknowledgements must not wait behind it. */
  readonly connect: (signal: AbortSignal) => Promise<RedisClient>
  readonly stream: RedisStreamConfig
  readonly clock: Clock
  readonly log: Log
}

const BLOCK_MS = 5_000
const SHORTEST_CLAIM_MS = 1_000
/** Ids of one command. */
const IDS = 1_000

/**
 * A stream read as a member of a consumer group. An entry belongs to the consumer from the moment that it is read until
 * it is acknowledged: what this consumer or a dead one still holds comes first at a start and after a loss of
 * connection, and nothing that is on its way already comes twice while the process lives.
 */
export class RedisStream implements Source {
  readonly #control: RedisClient
  readonly #parts: RedisStreamParts
  readonly #consumer: string
  readonly #claimMs: number
  readonly #closed = new AbortController()
  readonly #size: ReadSize
  readonly #outstanding = new Outstanding<string>()
  /** Acknowledged, and not yet told to the server. */
  #owed: readonly string[] = []
  /** Told to the server, which has not confirmed them. */
  readonly #told = new Set<readonly string[]>()
  #telling: Promise<void> | undefined
  #holding: Promise<void> | undefined

  constructor(control: RedisClient, parts: RedisStreamParts) {
    this.#control = control
    this.#parts = parts
    this.#consumer = parts.stream.consumer ?? hostname()
    this.#claimMs = Math.max(SHORTEST_CLAIM_MS, durationMs(parts.stream.claimAfter))
    this.#size = new ReadSize(parts.stream.batch)
  }

  /** A loss of connection is bridged for half a minute; then it throws `connector_unavailable`. */
  read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
    const closed = this.#closed.signal
    // What was read is on its way still when reading has ended.
    this.#holding ??= this.#keepHold(closed)
    return bridged((over, until) => this.#connected(over, until), { stop, signal, closed }, this.#parts)
  }

  ack(position: unknown): void {
    this.#owed = together(this.#owed, this.#outstanding.take(position))
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined
    })
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#control.ping(signal)
  }

  /** Tells the server what was acknowledged, if it can be reached. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#holding
    await this.#telling
    if (this.#control.lostSince() === undefined) await this.#tell()
    await this.#control[Symbol.asyncDispose]()
  }

  /** Reads by one connection, as long as it stands. */
  async *#connected(over: () => void, until: AbortSignal): AsyncGenerator<Batch> {
    await using reader = await this.#parts.connect(until)
    await this.#makeGroup(reader, until)
    yield* this.#pending(reader, until)
    for (let claimedAt = Number.NEGATIVE_INFINITY; ; ) {
      const now = this.#parts.clock.now()
      if (now - claimedAt >= this.#claimMs) {
        claimedAt = now
        yield* this.#claimed(reader, until)
      }
      const { entries } = await this.#readGroup(reader, '>', until)
      over()
      const batch = this.#batch(entries)
      if (batch !== undefined) yield batch
    }
  }

  async #makeGroup(reader: RedisClient, signal: AbortSignal): Promise<void> {
    const { key, group, from } = this.#parts.stream
    try {
      await reader.call(['XGROUP', 'CREATE', key, group, from === 'new' ? '$' : '0', 'MKSTREAM'], signal)
    } catch (error) {
      if (!(error instanceof HermesError) || !error.message.includes('BUSYGROUP')) throw error
    }
  }

  /** What this consumer was given before, by an earlier process or a connection that was lost. */
  async *#pending(reader: RedisClient, until: AbortSignal): AsyncGenerator<Batch> {
    for (let after: string | undefined = '0'; after !== undefined; ) {
      const read: Entries = await this.#readGroup(reader, after, until)
      yield* this.#taken(read)
      after = read.last
    }
  }

  /** What consumers hold that gave no sign of life for long. */
  async *#claimed(reader: RedisClient, until: AbortSignal): AsyncGenerator<Batch> {
    const { key, group, field } = this.#parts.stream
    const consumer = this.#consumer
    for (let cursor = '0-0'; ; ) {
      const command = ['XAUTOCLAIM', key, group, consumer, this.#claimMs, cursor, 'COUNT', this.#size.count] as const
      const reply = (await reader.call(command, until)) as readonly [Buffer, unknown]
      yield* this.#taken(entriesOf(reply[1], field))
      cursor = reply[0].toString()
      if (cursor === '0-0') return
    }
  }

  async #readGroup(reader: RedisClient, after: string, until: AbortSignal): Promise<Entries> {
    const { key, group, field } = this.#parts.stream
    const waitMs = after === '>' ? Math.min(BLOCK_MS, this.#claimMs) : 0
    const wait: readonly (string | number)[] = after === '>' ? ['BLOCK', waitMs] : []
    const member = ['XREADGROUP', 'GROUP', group, this.#consumer, 'COUNT', this.#size.count] as const
    const reply = await reader.call([...member, ...wait, 'STREAMS', key, after], until, waitMs)
    return readEntries(reply, field)
  }

  /** Those that are not on their way already; the group is freed of those that the stream has lost. */
  *#taken({ entries, gone }: Entries): Generator<Batch> {
    if (gone.length > 0) {
      const { key } = this.#parts.stream
      this.#parts.log.warn({ stream: key, entries: gone.length }, 'redis stream lost entries before they were read')
      this.#owed = together(this.#owed, gone)
    }
    const held = new Set(this.#held())
    const batch = this.#batch(entries.filter(({ id }) => !held.has(id)))
    if (batch !== undefined) yield batch
  }

  #batch(entries: readonly StreamEntry[]): Batch | undefined {
    const last = entries.at(-1)
    if (last === undefined) return undefined
    const ids = entries.map(({ id }) => id)
    const options = { position: this.#outstanding.add(ids, last.id), metas: (index: number) => metaOf(ids[index]) }
    const payloads = entries.map(({ payload }) => payload)
    const batch = bytesBatch(payloads, options)
    this.#size.had(batch.size, batch.byteLength)
    return batch
  }

  /** Given out, and not confirmed by the server as acknowledged. */
  #held(): string[] {
    return [...this.#outstanding, ...this.#owed, ...[...this.#told].flat()]
  }

  /** Gives the sign of life for what is held, and tells again what could not be told. Never throws. */
  async #keepHold(until: AbortSignal): Promise<void> {
    const { clock, stream, log } = this.#parts
    while (!until.aborted) {
      try {
        await clock.sleep(this.#claimMs / 3, until)
        await this.#tell()
        const consumer = this.#consumer
        const claims = chunks(this.#held()).map((ids): RedisCommand => {
          return ['XCLAIM', stream.key, stream.group, consumer, 0, ...ids, 'JUSTID']
        })
        await this.#control.send(claims, until)
      } catch (error) {
        if (!until.aborted) log.debug({ error: String(error) }, 'redis stream hold not renewed')
      }
    }
  }

  /** Acknowledges at the server; what it does not answer for stays owed. Never throws. */
  async #tell(): Promise<void> {
    const { stream, log } = this.#parts
    // Several acknowledgements of one turn go together, and what else the turn brings does not wait for them.
    await setImmediate()
    while (this.#owed.length > 0) {
      const told = this.#owed
      this.#owed = []
      this.#told.add(told)
      const acks = chunks(told).map((ids): RedisCommand => ['XACK', stream.key, stream.group, ...ids])
      try {
        const failures = await this.#control.send(acks, never)
        const failed = failures.find((each) => each !== undefined)
        if (failed !== undefined) throw new HermesError('connector_unavailable', failed.message)
      } catch (error) {
        this.#owed = together(told, this.#owed)
        log.debug({ error: String(error), entries: this.#owed.length }, 'redis stream acknowledgements are owed')
        return
      } finally {
        this.#told.delete(told)
      }
    }
  }
}

const never = new AbortController().signal

function metaOf(id: string | undefined): Meta {
  return id === undefined ? noMeta : { id }
}

/** Mostly one of them is empty. */
function together(first: readonly string[], second: readonly string[]): readonly string[] {
  if (first.length === 0) return second
  return second.length === 0 ? first : [...first, ...second]
}

function chunks(ids: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / IDS) }, (_, at) => ids.slice(at * IDS, (at + 1) * IDS))
}
