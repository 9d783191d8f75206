import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import type { KillFigures, KillOptions } from './kill-rounds.ts'
import { type FeedType, feeds, KEYS, type MessageFeed } from './message-feeds.ts'
import { Service } from './service.ts'
import { StreamSink } from './stream-sink.ts'

export type BufferType = 'memory' | 'file'

export interface WorkflowOptions extends Pick<KillOptions, 'home' | 'rounds' | 'until' | 'seed' | 'onRound'> {
  readonly buffer: BufferType
  /** Where messages come from; a file when left out. */
  readonly feed?: FeedType
}

const NAME = 'prices'

/**
 * A workflow takes messages to a file, into a table and into a stream, and is changed meanwhile; things happen to its
 * source and to the stream, and the service is killed again and again. In the end every message is in all three, in table
 * and stream once, and within a key in the order of the source. Throws at the first difference, naming seed and round.
 */
export async function workflowRounds(options: WorkflowOptions): Promise<KillFigures> {
  const started = Date.now()
  const { until = Number.POSITIVE_INFINITY, seed } = options
  const directory = await mkdtemp(join(tmpdir(), 'hermes-kill-'))
  await using closing = new AsyncDisposableStack()
  closing.defer(() => rm(directory, { recursive: true, force: true }))
  const feed = closing.use(await feeds[options.feed ?? 'file'](directory))
  const stream = closing.use(await StreamSink.open())
  const world = new LineWorld({ directory, buffer: options.buffer, feed, stream, random: new Random(seed) })
  await world.start()
  let round = 0
  let interrupted = 0
  let rows = 0
  while (round < options.rounds && Date.now() < until) {
    round += 1
    if (await killRound(world, options.home)) interrupted += 1
    const service = new Service({ home: directory, database: options.home.url })
    try {
      rows = await world.settled(options.home)
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${service.output}`, { cause: error })
    } finally {
      await service.kill()
    }
    options.onRound?.(round)
  }
  return { rounds: round, interrupted, rows, seconds: (Date.now() - started) / 1_000 }
}

/** Resolves to whether the kill came before everything had arrived. */
async function killRound(world: LineWorld, home: Home): Promise<boolean> {
  const { random, directory } = world
  const service = new Service({ home: directory, database: home.url })
  try {
    if (random.next() < 0.8) await service.until(() => true)
    const writing = world.write(random.between(200, 3_000))
    if (random.next() < 0.4) await world.change()
    await delay(random.between(0, 600))
    if (random.next() < 0.2) await service.stop().catch(() => undefined)
    await service.kill()
    await writing
    return (await world.arrived(home)).rows < world.written
  } finally {
    await service.kill()
  }
}

interface LineWorldParts {
  readonly directory: string
  readonly buffer: BufferType
  readonly feed: MessageFeed
  readonly stream: StreamSink
  readonly random: Random
}

class LineWorld {
  readonly #parts: LineWorldParts
  #written = 0
  #version = 0
  /** Before a workflow ran for the first time it knows nothing of what was there and is gone. */
  #hasRun = false

  constructor(parts: LineWorldParts) {
    this.#parts = parts
  }

  get directory(): string {
    return this.#parts.directory
  }

  get random(): Random {
    return this.#parts.random
  }

  get written(): number {
    return this.#written
  }

  async start(): Promise<void> {
    for (const name of ['out', 'manifests']) await mkdir(join(this.directory, name), { recursive: true })
    await this.change()
  }

  /** Another version of the workflow: the steps differ, nothing of the source and the sinks. */
  async change(): Promise<void> {
    this.#version += 1
    const { feed, stream, buffer } = this.#parts
    const table = { name: 'workflow_rows', primaryKey: ['id'] }
    const spec = {
      source: feed.source,
      steps: [
        { filter: `${feed.path}.id >= 0` },
        { set: { $: feed.path } },
        { set: { version: String(this.#version) } },
      ],
      buffer: { [buffer]: {} },
      delivery: { key: `string(${feed.path}.key)`, idempotencyKey: `string(${feed.path}.id)` },
      sinks: [{ name: 'lines', file: { path: '../out/lines.jsonl' } }, { name: 'rows', table }, stream.clause],
    }
    const text = JSON.stringify({ apiVersion: 'hermes/v1', kind: 'Workflow', metadata: { name: NAME }, spec })
    const path = join(this.directory, 'manifests', 'workflow.yaml')
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  }

  /** So many messages in some portions; between two of them something happens to the source now and then. */
  async write(count: number): Promise<void> {
    const { feed, stream, random } = this.#parts
    for (let left = count; left > 0; ) {
      const portion = Math.min(left, random.between(1, 500))
      await feed.give(this.#written, this.#written + portion)
      this.#written += portion
      left -= portion
      if (this.#hasRun && random.next() < 0.1) await feed.disturb()
      if (random.next() < 0.1) await stream.cut()
      await delay(random.between(0, 40))
    }
  }

  /** What is there at the moment. */
  async arrived(home: Home): Promise<{ readonly rows: number; readonly lines: readonly number[] }> {
    const text = await readFile(join(this.directory, 'out', 'lines.jsonl'), 'utf8').catch(() => '')
    // The last line may be half-written, or being cut off just now.
    const lines = text.split('\n').slice(0, -1).map(idOf)
    const found = await home.witness(`SELECT count(*) AS n FROM workflow_rows`).catch(() => [{ n: 0 }])
    return { rows: Number(found[0]?.['n'] ?? 0), lines }
  }

  /** Waits until everything is there, and compares. Resolves to how many rows there are. */
  async settled(home: Home): Promise<number> {
    const end = Date.now() + 60_000
    for (;;) {
      const { rows, lines } = await this.arrived(home)
      const first = new Set(lines)
      const entries = await this.#parts.stream.size()
      if (rows === this.#written && first.size === this.#written && entries === this.#written) {
        refuseDisorder(lines)
        await this.#parts.stream.refuseDisorder()
        this.#hasRun = true
        return rows
      }
      if (Math.max(rows, entries) > this.#written) {
        throw new Error(`${rows} rows and ${entries} entries of ${this.#written} lines`)
      }
      if (Date.now() > end) {
        throw new Error(`${rows} rows, ${first.size} lines and ${entries} entries of ${this.#written} after a minute`)
      }
      await delay(50)
    }
  }
}

function idOf(line: string): number {
  return (JSON.parse(line) as { readonly id: number }).id
}

/** What comes again after a kill comes as a stretch: within a key the first appearances are in order. */
function refuseDisorder(lines: readonly number[]): void {
  const last = new Map<number, number>()
  const seen = new Set<number>()
  for (const id of lines) {
    if (seen.has(id)) continue
    seen.add(id)
    const before = last.get(id % KEYS) ?? -1
    if (id < before) throw new Error(`line ${id} came behind ${before} of the same key`)
    last.set(id % KEYS, id)
  }
}
