import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { FlowStatus } from '../../src/observe/status.ts'
import { type FaultProxy, faultProxy } from '../connectors/fault-proxy.ts'
import { ownRedis } from '../connectors/servers.ts'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import { medianOfThird, type Sample, sampleOf } from './process-watch.ts'
import { Service } from './service.ts'

export interface DeadSinkOptions {
  readonly home: Home
  /** How long the sink is away. */
  readonly minutes: number
  readonly seed: number
  /** Whether the buffer takes everything meanwhile, or is full after half a minute. */
  readonly buffer: 'roomy' | 'full'
}

export interface DeadSinkFigures {
  readonly minutes: number
  readonly messages: number
  /** Messages that reached the healthy sink while the other one was away. */
  readonly meanwhile: number
  /** Of memory, megabytes: in the middle and in the last third of that time. */
  readonly rssMb: readonly [number, number]
  /** Open at the beginning, and at most in the last third. */
  readonly handles: readonly [number, number]
  /** Of the buffer on the disk, at most. */
  readonly bufferMb: number
  /** Until everything had arrived after the sink was back. */
  readonly catchUpSeconds: number
}

const RATE = 200
const KEYS = 7
const FULL_BYTES = 2_097_152
const STREAM = 'dead'
const FAULTS = ['stall', 'reset', 'half_open', 'refuse'] as const
const FAULT_MS = 20_000

/**
 * A workflow with a Redis stream and a file, of which the stream is away for minutes, in one way after the other. The
 * file goes on, memory and handles stay as they are, the buffer keeps to its bound; in the end the stream has everything
 * once and in order. Throws at the first difference.
 */
export async function deadSink(options: DeadSinkOptions): Promise<DeadSinkFigures> {
  await using closing = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'hermes-dead-sink-'))
  closing.defer(() => rm(directory, { recursive: true, force: true }))
  const server = closing.use(await ownRedis())
  const proxy = closing.use(await faultProxy(server.port))
  const witness = closing.adopt(new Redis(server.port), (redis) => redis.disconnect())
  await mkdir(join(directory, 'manifests'))
  await writeFile(join(directory, 'manifests', 'w.yaml'), manifest(proxy.port, options.buffer))
  const service = new Service({ home: directory, database: options.home.url })
  closing.defer(() => service.kill())
  const world: World = { directory, service, proxy, witness }
  await service.until(({ resources }) => (written(flowOf(resources), 'stream') ?? 0) > RATE)
  const outage = await during(world, options)
  const back = performance.now()
  await proxy.become('pass')
  await settled(world)
  const catchUpSeconds = (performance.now() - back) / 1_000
  await service.stop()
  return { ...outage, minutes: options.minutes, messages: await compared(world), catchUpSeconds }
}

interface World {
  readonly directory: string
  readonly service: Service
  readonly proxy: FaultProxy
  readonly witness: Redis
}

function manifest(port: number, buffer: DeadSinkOptions['buffer']): string {
  const pad = 'x'.repeat(200)
  return `
apiVersion: hermes/v1
kind: Workflow
metadata: { name: w }
spec:
  source:
    generate:
      expression: '{"id": index, "key": index % ${KEYS}, "pad": "${pad}"}'
      rate: { perSecond: ${RATE} }
      batch: 50
  buffer: { file: { ${buffer === 'full' ? `bytes: ${FULL_BYTES}` : ''} } }
  delivery:
    key: string(message.key)
    idempotencyKey: string(message.id)
    retry: { first: 100ms, longest: 2s }
  sinks:
    - name: stream
      redis: { url: "redis://127.0.0.1:${port}", timeout: 2s, stream: { key: ${STREAM} }, idempotent: {} }
    - { name: healthy, file: { path: ../healthy.csv, csv: { columns: [id], header: false } } }
`
}

/** Samples once a second while the sink is away. */
async function during({ directory, service, proxy }: World, { minutes, seed, buffer }: DeadSinkOptions) {
  const random = new Random(seed)
  const samples: Sample[] = []
  const sizes: number[] = []
  const begin = Date.now()
  let faultEnds = 0
  while (Date.now() < begin + minutes * 60_000) {
    if (Date.now() >= faultEnds) {
      await proxy.become(random.pick(FAULTS))
      faultEnds = Date.now() + FAULT_MS
    }
    samples.push(await sampleOf(service.pid, join(directory, 'data', 'buffers')))
    sizes.push((await healthyIds(directory)).length)
    if (buffer === 'roomy') refuseStandstill(sizes)
    await delay(1_000)
  }
  const figures = figuresOf(samples, sizes)
  refuseGrowth(
    figures,
    samples.map(({ rssMb }) => Math.round(rssMb)),
  )
  if (buffer === 'full' && figures.bufferMb * 2 ** 20 > FULL_BYTES * 1.1)
    throw new Error(`${figures.bufferMb} MB of buffer`)
  const flow = flowOf((await service.status())?.resources ?? [])
  if (flow?.deadLetters !== 0) throw new Error(`an outage made dead letters: ${JSON.stringify(flow)}`)
  return figures
}

function figuresOf(samples: readonly Sample[], sizes: readonly number[]) {
  const rss = samples.map(({ rssMb }) => rssMb)
  const handles = samples.map((sample) => sample.handles)
  return {
    meanwhile: (sizes.at(-1) ?? 0) - (sizes[0] ?? 0),
    rssMb: [medianOfThird(rss, 2), medianOfThird(rss, 3)] as const,
    handles: [handles[0] ?? 0, Math.max(...handles.slice(-Math.ceil(handles.length / 3)))] as const,
    bufferMb: Math.max(...samples.map(({ bytes }) => bytes)) / 2 ** 20,
  }
}

function refuseGrowth({ rssMb, handles }: ReturnType<typeof figuresOf>, all: readonly number[]): void {
  if (rssMb[1] > rssMb[0] * 1.1 + 20) throw new Error(`memory grew, MB by the second: ${all.join(' ')}`)
  if (handles[1] > handles[0] + 20) throw new Error(`open handles grew from ${handles[0]} to ${handles[1]}`)
}

/** Ten seconds without a line are too long on any machine. */
function refuseStandstill(sizes: readonly number[]): void {
  const [before, now] = [sizes.at(-11), sizes.at(-1)]
  if (before !== undefined && before === now) throw new Error(`the healthy sink stands still at ${now} lines`)
}

/** Waits until the stream is about as far as the file. */
async function settled({ service }: World): Promise<void> {
  for (const end = Date.now() + 300_000; Date.now() < end; await delay(250)) {
    const flow = flowOf((await service.status())?.resources ?? [])
    const sink = flow?.sinks.find(({ name }) => name === 'stream')
    if (flow !== undefined && flow.buffered < RATE && sink?.breaker === 'closed') return
  }
  throw new Error(`not caught up: ${JSON.stringify(await service.status())}\n${service.output}`)
}

/** Both have everything from the first on, once; the stream in order within each key. Resolves to how many there are. */
async function compared({ directory, witness }: World): Promise<number> {
  const healthy = await healthyIds(directory)
  const stream = await streamIds(witness)
  if (healthy.some((id, index) => id !== index)) throw new Error('the healthy sink has gaps, or something twice')
  if (stream.length !== healthy.length) throw new Error(`${stream.length} of ${healthy.length} in the stream`)
  const last = new Map<number, number>()
  for (const id of stream) {
    if (id <= (last.get(id % KEYS) ?? -1)) throw new Error(`message ${id} came twice, or behind a later one of its key`)
    last.set(id % KEYS, id)
  }
  return stream.length
}

async function healthyIds(directory: string): Promise<readonly number[]> {
  const path = join(directory, 'healthy.csv')
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  return size === 0 ? [] : (await readFile(path, 'utf8')).split('\n').slice(0, -1).map(Number)
}

async function streamIds(witness: Redis): Promise<readonly number[]> {
  const ids: number[] = []
  for (let from = '-'; ; ) {
    const entries = await witness.xrange(STREAM, from, '+', 'COUNT', 5_000)
    for (const [, [, payload = '']] of entries) ids.push((JSON.parse(payload) as { readonly id: number }).id)
    const [last] = entries.at(-1) ?? []
    if (last === undefined) return ids
    from = `(${last}`
  }
}

function flowOf(resources: readonly { readonly flow?: FlowStatus }[]): FlowStatus | undefined {
  return resources.find(({ flow }) => flow !== undefined)?.flow
}

function written(flow: FlowStatus | undefined, sink: string): number | undefined {
  return flow?.sinks.find(({ name }) => name === sink)?.written
}
