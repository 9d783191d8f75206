import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startScript } from './child.ts'
import { serve } from './hermes.ts'
import { atMost, type Figure, interleave, median, milliseconds } from './measure.ts'
import { type Pace, PushedMessages } from './pushed-messages.ts'
import { bareRedis, freshKey, redisUrl } from './redis.ts'
import type { BenchOptions } from './run-options.ts'
import { workspace } from './workspace.ts'

const RATES = [1_000, 5_000, 10_000]

/** Milliseconds of half of the messages, and of all but a hundredth. */
interface Times {
  readonly p50: number
  readonly p99: number
}

const manifest = (url: string, channel: string): string => `apiVersion: hermes/v1
kind: Workflow
metadata: { name: bench }
spec:
  source: { websocket: { url: "${url}" } }
  buffer: { memory: {} }
  sinks: [{ redis: { url: "${redisUrl}", publish: "${channel}" } }]
`

/** Starts what takes messages from a WebSocket to a channel. */
type Start = (url: string, channel: string) => Promise<AsyncDisposable>

const startHermes: Start = async (url, channel) => {
  const stack = new AsyncDisposableStack()
  const { path } = stack.use(workspace())
  const place = { manifests: join(path, 'manifests'), dataDir: join(path, 'data') }
  mkdirSync(place.manifests)
  writeFileSync(join(place.manifests, 'bench.yaml'), manifest(url, channel))
  stack.use(await serve(place))
  return stack
}

const startFloor: Start = async (url, channel) => {
  const { child } = await startScript('bench/floor/websocket-redis.ts', [url, redisUrl, channel])
  return {
    [Symbol.asyncDispose]: async () => {
      child.disconnect()
    },
  }
}

async function measure(start: Start, pace: Pace): Promise<Times> {
  using subscriber = await bareRedis()
  const channel = freshKey()
  await using messages = await PushedMessages.open(subscriber.client, channel)
  await using _ = await start(messages.url, channel)
  const sorted = (await messages.times(pace)).toSorted()
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

/** Messages of a WebSocket published to Redis by a service, against the bare drivers, at paces of a market's feed. */
export async function websocketRedis({ short }: BenchOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const perSecond of RATES) {
    // V8 compiles what is run often while it runs, on the same two cores: that takes ten seconds at the lowest of the rates.
    const pace = { perSecond, ...(short ? { warmUpSeconds: 5, seconds: 3 } : { warmUpSeconds: 15, seconds: 10 }) }
    const { a, b } = await interleave(
      3,
      () => measure(startHermes, pace),
      () => measure(startFloor, pace),
    )
    figures.push(...figuresOf(perSecond, a, b))
  }
  return figures
}

function figuresOf(perSecond: number, a: readonly Times[], b: readonly Times[]): Figure[] {
  const hermes = middle(a)
  const floor = middle(b)
  const what = `websocket → redis publish, ${perSecond.toLocaleString('en')} messages a second`
  const p99 = `${what}, p99`
  const shown = (name: keyof Times): string =>
    `(Hermes ${milliseconds(hermes[name])}, floor ${milliseconds(floor[name])})`
  return [
    ...(perSecond === 1_000 ? [atMost(p99, hermes.p99, 1, milliseconds)] : []),
    atMost(`${what}, p50 over the floor ${shown('p50')}`, hermes.p50 - floor.p50, 0.1, milliseconds),
    atMost(`${what}, p99 over the floor ${shown('p99')}`, hermes.p99 - floor.p99, 0.3, milliseconds),
  ]
}

const middle = (times: readonly Times[]): Times => ({
  p50: median(times.map(({ p50 }) => p50)),
  p99: median(times.map(({ p99 }) => p99)),
})
