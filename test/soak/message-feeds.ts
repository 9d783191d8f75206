import { appendFile, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { ownPostgres } from '../connectors/own-postgres.ts'
import { ownRedis } from '../connectors/servers.ts'

/** Messages are numbered from 0 on; keys go round. */
export const KEYS = 7

/** Where the messages of a soak come from. */
export interface MessageFeed extends AsyncDisposable {
  /** `spec.source` of the workflow. */
  readonly source: object
  /** Where `{ id, key, text }` stand in its messages, in CEL. */
  readonly path: string
  /** The messages with these numbers are there when it resolves. */
  give(from: number, to: number): Promise<void>
  /** Something that happens to such a source now and then, and must not matter. */
  disturb(): Promise<void>
}

export type FeedType = 'file' | 'redis' | 'changes'

export const feeds: Readonly<Record<FeedType, (directory: string) => Promise<MessageFeed>>> = {
  file: fileFeed,
  redis: redisFeed,
  changes: changesFeed,
}

const messageOf = (id: number) => ({ id, key: id % KEYS, text: `line ${id}` })
const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => messageOf(from + index))

/** A file that grows, and is rotated away. */
async function fileFeed(directory: string): Promise<MessageFeed> {
  const path = join(directory, 'in', 'lines.jsonl')
  await mkdir(join(directory, 'in'), { recursive: true })
  let rotations = 0
  return {
    source: { file: { path: '../in/lines.jsonl', poll: '100ms' } },
    path: 'message',
    give: (from, to) =>
      appendFile(
        path,
        messages(from, to)
          .map((each) => `${JSON.stringify(each)}\n`)
          .join(''),
      ),
    disturb: async () => {
      rotations += 1
      await rename(path, `${path}.${rotations}`)
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** A stream of a server of its own, whose connections are cut. */
async function redisFeed(): Promise<MessageFeed> {
  const server = await ownRedis()
  const client = new Redis(server.port)
  return {
    source: {
      redis: { url: `redis://127.0.0.1:${server.port}`, stream: { key: 'in', group: 'hermes', claimAfter: '1s' } },
    },
    path: 'message',
    give: async (from, to) => {
      const pipeline = client.pipeline()
      for (const each of messages(from, to)) pipeline.xadd('in', '*', 'payload', JSON.stringify(each))
      await pipeline.exec()
    },
    disturb: async () => void (await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')),
    [Symbol.asyncDispose]: async () => {
      client.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** A table of a server of its own, whose rows are written again, and whose replication is cut. */
async function changesFeed(): Promise<MessageFeed> {
  const server = await ownPostgres()
  await server.sql('CREATE TABLE lines (id bigint PRIMARY KEY, key int, text text)')
  return {
    source: { postgres: { url: server.url(), changes: { tables: ['public.lines'], slot: 'hermes_lines' } } },
    path: 'message.after',
    give: async (from, to) => {
      const rows = `SELECT id, id % ${KEYS}, 'line ' || id FROM generate_series($1::bigint, $2::bigint) AS id`
      await server.sql(`INSERT INTO lines ${rows}`, [from, to - 1])
    },
    disturb: async () => {
      await server.sql('UPDATE lines SET text = text WHERE id = (SELECT max(id) FROM lines)')
      await server.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active')
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
