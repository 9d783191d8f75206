import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import { withDeadline } from '../deadline.ts'
import { Inbox } from '../inbox.ts'
import { openPostgres, type PostgresClient } from '../postgres-client.ts'
import type { PostgresServerConfig } from '../postgres-config.ts'
import { isServerProblem, isUnpublished } from '../postgres-problem.ts'
import { lsnText, protocolNow } from './postgres-lsn.ts'
import { identifier, literal, type ReplicationNames } from './postgres-names.ts'
import { lost } from './postgres-slot.ts'

/** What may wait between the socket and the reader; then the socket stops. */
const LIMITS = { messages: 8_192, bytes: 8_388_608 }
const TICK_MS = 500
const STATUS_MS = 10_000
const CLOSE_MS = 500

/** A frame: data of the log, or a sign of life that says how far the server has read it. */
export const DATA = 0x77
export const KEEPALIVE = 0x6b
/** Where the plugin's message begins in a frame of data. */
export const DATA_AT = 25

export interface LinkOptions {
  /** Where to begin, unless everything up to a later place was confirmed. */
  readonly from: bigint
  /** Everything before this place is durable. */
  readonly confirmed: bigint
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * One connection that streams from a slot. Whoever reads may take any time: the server hears of this side all the while,
 * and is told how far everything is durable.
 */
export class ReplicationLink implements AsyncDisposable {
  readonly #client: PostgresClient
  readonly #clock: Clock
  readonly #inbox: Inbox
  readonly #statusMs: number
  #timer: NodeJS.Timeout | undefined
  #flushed: bigint
  #toldFlushed = 0n
  #toldAt = 0
  #heardAt: number
  #isClosed = false

  /** Throws as `openPostgres`, `connector_unavailable` while somebody else reads from the slot, and `changes_lost`. */
  static async open(
    config: PostgresServerConfig,
    names: ReplicationNames,
    { from, confirmed, clock, signal }: LinkOptions,
  ): Promise<ReplicationLink> {
    const client = await openPostgres(config, signal, { replication: true })
    try {
      const [[patience] = []] = (
        await client.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'", signal)
      ).rows
      const link = new ReplicationLink(client, clock, confirmed, Number(patience) || STATUS_MS * 3)
      await link.#start(names, from, signal)
      return link
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(client: PostgresClient, clock: Clock, confirmed: bigint, patienceMs: number) {
    this.#client = client
    this.#clock = clock
    this.#flushed = confirmed
    this.#heardAt = clock.now()
    this.#statusMs = Math.min(STATUS_MS, patienceMs / 3)
    this.#inbox = new Inbox(LIMITS, (full) => {
      this.#heardAt = clock.now()
      const { stream } = client.vendor.connection
      if (full) stream.pause()
      else stream.resume()
    })
  }

  /** The oldest frames, none when none came for a while. Throws what the connection ended with. */
  async take(signal: AbortSignal): Promise<readonly Buffer[]> {
    return (await this.#inbox.take(LIMITS.messages, STATUS_MS, signal)) as readonly Buffer[]
  }

  /** Everything before this place is durable: the server hears of it soon, and may let go of it. */
  confirm(lsn: bigint): void {
    if (lsn > this.#flushed) this.#flushed = lsn
  }

  /** Tells the server the last place, if it can be reached. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      clearInterval(this.#timer)
      const { stream } = this.#client.vendor.connection
      const over = new Promise<void>((resolve) => {
        stream.once('close', resolve)
        setTimeout(resolve, CLOSE_MS)
      })
      if (this.#timer !== undefined) this.#tell(false)
      stream.resume()
      if (!stream.destroyed) {
        stream.end()
        await over
      }
    }
    await this.#client[Symbol.asyncDispose]()
  }

  async #start(names: ReplicationNames, from: bigint, signal: AbortSignal): Promise<void> {
    const { vendor, timeoutMs: ms, name: who } = this.#client
    const { connection } = vendor
    const started = Promise.withResolvers<void>()
    connection.once('replicationStart', () => started.resolve())
    connection.on('copyData', ({ chunk }: { readonly chunk: Buffer }) => this.#take(chunk))
    const publications = literal(identifier(names.publication))
    const text = `START_REPLICATION SLOT ${identifier(names.slot)} LOGICAL ${lsnText(from)}
      (proto_version '1', publication_names ${publications})`
    vendor.query(text).then(
      () => this.#fail(new HermesError('connector_unavailable', `${who}: the server ended the replication`), started),
      (error: unknown) => this.#fail(this.#problem(error, names), started),
    )
    await withDeadline(started.promise, { ms, who }, signal)
    this.#timer = setInterval(() => this.#tick(), Math.min(TICK_MS, this.#statusMs))
  }

  #problem(error: unknown, names: ReplicationNames): HermesError {
    const problem = this.#client.problem(error)
    if (isServerProblem(error) && isUnpublished(error)) {
      return lost(this.#client, names, `the publication ${names.publication} was not there when they were written`)
    }
    if (problem.code !== 'changes_lost') return problem
    return lost(this.#client, names, isServerProblem(error) ? error.message : 'the slot cannot be read any more')
  }

  #fail(error: HermesError, started: { reject(error: unknown): void }): void {
    clearInterval(this.#timer)
    started.reject(error)
    this.#inbox.fail(error)
  }

  #take(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#heardAt = this.#clock.now()
    // The vendor's parser uses its buffer again.
    this.#inbox.push(Buffer.from(chunk))
    if (chunk[0] === KEEPALIVE && chunk[17] === 1) this.#tell(false)
  }

  #tick(): void {
    const now = this.#clock.now()
    const silentMs = Math.max(this.#client.timeoutMs, this.#statusMs * 2)
    if (!this.#inbox.isFull && now - this.#heardAt > silentMs) {
      const message = `${this.#client.name}: no sign of life for ${silentMs} ms`
      this.#inbox.fail(new HermesError('connector_unavailable', message))
      this.#client.vendor.connection.stream.destroy()
      clearInterval(this.#timer)
      return
    }
    const isDue = now - this.#toldAt >= this.#statusMs
    if (isDue || this.#flushed > this.#toldFlushed) this.#tell(isDue)
  }

  /** A status update of a standby; asks for an answer, by which a server that is gone is told from one that is idle. */
  #tell(asks: boolean): void {
    const { connection } = this.#client.vendor
    if (connection.stream.destroyed || !connection.stream.writable) return
    this.#toldAt = this.#clock.now()
    this.#toldFlushed = this.#flushed
    const status = Buffer.alloc(34)
    status.writeUInt8(0x72, 0) // r
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(this.#flushed, at)
    status.writeBigInt64BE(protocolNow(this.#toldAt), 25)
    status.writeUInt8(asks ? 1 : 0, 33)
    const copying = connection as unknown as { sendCopyFromChunk(chunk: Buffer): void }
    copying.sendCopyFromChunk(status)
  }
}
