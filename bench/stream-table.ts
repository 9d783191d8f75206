import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { runScript } from './child.ts'
import { postgresTables } from './destinations.ts'
import { serve } from './hermes.ts'
import { atLeast, type Figure, interleave, median, perSecond, ratio } from './measure.ts'
import { BATCH, payloads } from './payloads.ts'
import { bareRedis, freshKey, redisUrl } from './redis.ts'
import type { BenchOptions } from './run-options.ts'
import { query, throwAwayDatabase, workspace } from './workspace.ts'

const TABLE = 'events'
/** Messages that are read, and rows that are written, at once. */
const AT_ONCE = 5_000

const manifest = (key: string, group: string): string => `apiVersion: hermes/v1
kind: Workflow
metadata: { name: bench }
spec:
  source: { redis: { url: "${redisUrl}", stream: { key: "${key}", group: ${group}, batch: ${AT_ONCE} } } }
  sinks: [{ table: { name: ${TABLE}, json: payload }, batch: { messages: ${AT_ONCE} } }]
`

/** A stream of messages, and who has taken them, as the Redis server has it. */
class Stream implements AsyncDisposable {
  readonly key = freshKey()
  readonly messages: number
  readonly #client: Redis

  constructor(client: Redis, messages: number) {
    this.#client = client
    this.messages = messages
  }

  async fill(): Promise<void> {
    const batch = payloads()
    for (let filled = 0; filled < this.messages; filled += BATCH) {
      const pipeline = this.#client.pipeline()
      for (const payload of batch) pipeline.xadd(this.key, '*', 'payload', payload as Buffer)
      await pipeline.exec()
    }
  }

  /** Seconds from when a group was first given messages until it had acknowledged all of them. */
  async taken(group: string): Promise<number> {
    let began: number | undefined
    for (const waited = performance.now(); ; await delay(3)) {
      const { read, pending } = await this.#progress(group)
      if (read > 0) began ??= performance.now()
      if (began !== undefined && read === this.messages && pending === 0) return (performance.now() - began) / 1_000
      if (performance.now() - waited > 300_000) throw new Error(`${read} messages of ${this.messages} were read`)
    }
  }

  async #progress(group: string): Promise<{ read: number; pending: number }> {
    const groups = (await this.#client.call('XINFO', 'GROUPS', this.key)) as readonly (readonly unknown[])[]
    const found = groups.find((each) => each[each.indexOf('name') + 1] === group) ?? []
    const field = (name: string): number => Number(found[found.indexOf(name) + 1] ?? 0)
    return { read: field('entries-read'), pending: field('pending') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.del(this.key)
  }
}

async function checkRows(database: string, messages: number): Promise<void> {
  const [row] = await query<{ rows: string }>(database, `select count(distinct message_id) as rows from ${TABLE}`)
  if (Number(row?.rows) !== messages) throw new Error(`${row?.rows} rows of ${messages}`)
}

interface Taken {
  readonly seconds: number
  /** How the table was made. */
  readonly tables: readonly string[]
}

async function byHermes(stream: Stream, group: string): Promise<Taken> {
  using folder = workspace()
  await using database = await throwAwayDatabase()
  const place = {
    manifests: join(folder.path, 'manifests'),
    dataDir: join(folder.path, 'data'),
    database: database.url,
  }
  mkdirSync(place.manifests)
  writeFileSync(join(place.manifests, 'bench.yaml'), manifest(stream.key, group))
  await using _ = await serve(place)
  const seconds = await stream.taken(group)
  await checkRows(database.url, stream.messages)
  return { seconds, tables: await postgresTables(database.url, TABLE) }
}

async function byHand(stream: Stream, group: string, tables: readonly string[]): Promise<number> {
  await using database = await throwAwayDatabase()
  const args = [redisUrl, stream.key, group, database.url, JSON.stringify(tables), String(AT_ONCE)]
  const [seconds] = await Promise.all([stream.taken(group), runScript('bench/floor/stream-table.ts', args)])
  await checkRows(database.url, stream.messages)
  return seconds
}

/** A stream of Redis into a table of PostgreSQL, each message once, against the bare drivers. */
export async function streamTable({ short }: BenchOptions): Promise<Figure[]> {
  using redis = await bareRedis()
  await using stream = new Stream(redis.client, short ? 100_000 : 500_000)
  await stream.fill()
  let groups = 0
  let tables: readonly string[] = []
  const { a, b } = await interleave(
    3,
    async () => {
      const taken = await byHermes(stream, `g${(groups += 1)}`)
      tables = taken.tables
      return taken.seconds
    },
    () => byHand(stream, `g${(groups += 1)}`, tables),
  )
  const speed = (taken: readonly number[]): string => perSecond(stream.messages / median(taken))
  const what = `redis stream → PostgreSQL table, 300 B into a json column, once each, share of the floor (Hermes ${speed(a)}, floor ${speed(b)})`
  return [atLeast(what, median(b) / median(a), 0.8, ratio)]
}
