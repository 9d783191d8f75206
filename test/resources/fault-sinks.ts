import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Redis } from 'ioredis'
import { natsUrl, redisUrl } from '../connectors/brokers.ts'
import { type Fault, faultProxy } from '../connectors/fault-proxy.ts'
import { serve } from '../connectors/local-server.ts'
import { uniqueName } from '../connectors/servers.ts'
import { databaseUrl, postgresHome } from '../store/homes.ts'
import { KEYS } from './fault-world.ts'

/** A real destination behind a proxy, and a way to it that owes nothing to Hermes. */
export interface FaultySink extends AsyncDisposable {
  /** The sink as the manifest has it. */
  readonly clause: string
  /** Hermes' own database, where that is what fails. */
  readonly database?: string
  become(fault: Fault): Promise<void>
  /** How often the proxy ended a connection. */
  resets(): number
  /** The numbers of the messages that are there, in order of arrival. */
  received(): Promise<readonly number[]>
  /** How it tells what comes twice; by batches only as long as the same messages go together, which a restart changes. */
  readonly once?: 'always' | 'by batch'
  /** It has the last message of each key only. */
  readonly lastOfKey?: true
}

export type OpenFaultySink = () => Promise<FaultySink>

const TIMEOUT = 'timeout: 500ms'

function idOf(text: string): number {
  return (JSON.parse(text) as { readonly id: number }).id
}

async function behindProxy(port: number, closing: AsyncDisposableStack) {
  const proxy = closing.use(await faultProxy(port))
  return {
    port: proxy.port,
    parts: {
      become: (fault: Fault) => proxy.become(fault),
      resets: () => proxy.resets,
      [Symbol.asyncDispose]: () => closing.disposeAsync(),
    },
  }
}

async function redis() {
  const closing = new AsyncDisposableStack()
  const witness = new Redis(redisUrl)
  closing.defer(() => witness.disconnect())
  const { port, parts } = await behindProxy(Number(new URL(redisUrl).port), closing)
  return {
    witness,
    name: uniqueName('faults'),
    address: `url: "redis://127.0.0.1:${port}", ${TIMEOUT}`,
    parts,
    closing,
  }
}

export async function redisPublish(): Promise<FaultySink> {
  const { witness, name, address, parts } = await redis()
  const got: number[] = []
  witness.on('message', (_channel, text) => got.push(idOf(text)))
  await witness.subscribe(name)
  const idempotent = `idempotent: { ttl: 1m, prefix: "${name}:" }`
  return {
    ...parts,
    clause: `redis: { ${address}, publish: "${name}", ${idempotent} }`,
    received: async () => got,
    once: 'always',
  }
}

export async function redisStream(): Promise<FaultySink> {
  const { witness, name, address, parts, closing } = await redis()
  closing.defer(async () => void (await witness.del(name)))
  const idempotent = `idempotent: { ttl: 1m, prefix: "${name}:" }`
  return {
    ...parts,
    clause: `redis: { ${address}, stream: { key: "${name}" }, ${idempotent} }`,
    received: async () => (await witness.xrange(name, '-', '+')).map(([, [, payload = '']]) => idOf(payload)),
    once: 'always',
  }
}

export async function redisSet(): Promise<FaultySink> {
  const { witness, name, address, parts, closing } = await redis()
  const keys = Array.from({ length: KEYS }, (_, key) => `${name}:${key}`)
  closing.defer(async () => void (await witness.del(keys)))
  return {
    ...parts,
    clause: `redis: { ${address}, set: { key: "${name}:\${message.key}" } }`,
    received: async () => (await witness.mget(keys)).flatMap((text) => (text === null ? [] : [idOf(text)])),
    lastOfKey: true,
  }
}

async function nats() {
  const closing = new AsyncDisposableStack()
  const witness = await connect({ servers: natsUrl })
  closing.defer(() => witness.close())
  const { port, parts } = await behindProxy(Number(new URL(natsUrl).port), closing)
  return { witness, name: uniqueName('faults'), address: `url: "nats://127.0.0.1:${port}", ${TIMEOUT}`, parts, closing }
}

export async function natsCore(): Promise<FaultySink> {
  const { witness, name, address, parts } = await nats()
  const got: number[] = []
  witness.subscribe(name, { callback: (_error, message) => void got.push(idOf(message.string())) })
  await witness.flush()
  return { ...parts, clause: `nats: { ${address}, subject: "${name}" }`, received: async () => got }
}

export async function natsJetstream(): Promise<FaultySink> {
  const { witness, name, address, parts, closing } = await nats()
  const manager = await jetstreamManager(witness)
  await manager.streams.add({ name, subjects: [name] })
  closing.defer(async () => void (await manager.streams.delete(name)))
  const got: number[] = []
  const messages = await (await jetstream(witness).consumers.get(name)).consume({
    callback: (message) => void got.push(idOf(message.string())),
  })
  closing.defer(async () => void (await messages.close()))
  return {
    ...parts,
    clause: `nats: { ${address}, subject: "${name}", jetstream: { stream: "${name}" } }`,
    received: async () => got,
    once: 'always',
  }
}

/** A server that takes a request once, by its key, as servers with idempotency keys do; one in a hundred it answers with 503. */
export async function http(): Promise<FaultySink> {
  const closing = new AsyncDisposableStack()
  const got: number[] = []
  const known = new Set<unknown>()
  let requests = 0
  const server = closing.use(
    await serve(({ body, headers }, response) => {
      const key = headers['idempotency-key']
      requests += 1
      if (requests % 100 === 50) response.statusCode = 503
      else if (body.endsWith(']') && !known.has(key)) {
        known.add(key)
        got.push(...(JSON.parse(body) as readonly { readonly id: number }[]).map(({ id }) => id))
      }
      return {}
    }),
  )
  const { port, parts } = await behindProxy(server.port, closing)
  return {
    ...parts,
    clause: `http: { url: "http://127.0.0.1:${port}/in", ${TIMEOUT} }`,
    received: async () => got,
    once: 'by batch',
  }
}

/** Hermes' own database: positions and dead letters cannot be written either while it is away. */
export async function table(): Promise<FaultySink> {
  const closing = new AsyncDisposableStack()
  const direct = databaseUrl('postgres')
  const home = closing.use(await postgresHome(direct))
  const { port, parts } = await behindProxy(Number(new URL(direct).port || 5_432), closing)
  const url = new URL(home.url)
  url.host = `127.0.0.1:${port}`
  url.searchParams.set('connect_timeout', '1')
  return {
    ...parts,
    clause: 'table: { name: faulty_rows, primaryKey: [id], write: append }',
    database: url.href,
    received: async () => {
      const rows = await home.witness('SELECT id FROM faulty_rows ORDER BY created_at, id').catch(() => [])
      return rows.map(({ id }) => Number(id))
    },
    once: 'always',
  }
}
