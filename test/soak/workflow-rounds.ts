import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../random.ts'
import type { Home } from '../store/homes.ts'
import type { KillFigures, KillOptions } from './kill-rounds.ts'
import { Service } from './service.ts'

export type BufferType = 'memory' | 'file'

export interface WorkflowOptions extends Pick<KillOptions, 'home' | 'rounds' | 'until' | 'seed' | 'onRound'> {
  readonly buffer: BufferType
}

const KEYS = 7
const NAME = 'prices'

/**
 * Lines are written to a file that is rotated now and then; a workflow takes them to a file and into a table, and is
 * changed meanwhile; the service is killed again and again. In the end every line is in both, in the table once, and
 * within a key in the order of the source. Throws at the first difference, naming seed and round.
 */
export async function workflowRounds(options: WorkflowOptions): Promise<KillFigures> {
  const started = Date.now()
  const { until = Number.POSITIVE_INFINITY, seed } = options
  const directory = await mkdtemp(join(tmpdir(), 'hermes-kill-'))
  const world = new LineWorld(directory, options.buffer, new Random(seed))
  await world.start()
  let round = 0
  let interrupted = 0
  let rows = 0
  try {
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
  } finally {
    await rm(directory, { recursive: true, force: true })
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

class LineWorld {
  readonly directory: string
  readonly random: Random
  readonly #buffer: BufferType
  #written = 0
  #version = 0
  #rotations = 0
  /** Before a workflow ran for the first time it knows nothing of files that were rotated away. */
  #hasRun = false

  constructor(directory: string, buffer: BufferType, random: Random) {
    this.directory = directory
    this.random = random
    this.#buffer = buffer
  }

  get written(): number {
    return this.#written
  }

  async start(): Promise<void> {
    for (const name of ['in', 'out', 'manifests']) await mkdir(join(this.directory, name), { recursive: true })
    await this.change()
  }

  /** Another version of the workflow: the steps differ, nothing of the source and the sinks. */
  async change(): Promise<void> {
    this.#version += 1
    const text = `
apiVersion: hermes/v1
kind: Workflow
metadata: { name: ${NAME} }
spec:
  source: { file: { path: ../in/lines.jsonl, poll: 100ms } }
  steps:
    - filter: message.id >= 0
    - set: { version: "${this.#version}" }
  buffer: { ${this.#buffer}: {} }
  delivery: { key: string(message.key), idempotencyKey: string(message.id) }
  sinks:
    - { name: lines, file: { path: ../out/lines.jsonl } }
    - { name: rows, table: { name: workflow_rows, primaryKey: [id] } }
`
    const path = join(this.directory, 'manifests', 'workflow.yaml')
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  }

  /** So many lines in some portions, with a rotation between two of them now and then. */
  async write(count: number): Promise<void> {
    const path = join(this.directory, 'in', 'lines.jsonl')
    for (let left = count; left > 0; ) {
      const portion = Math.min(left, this.random.between(1, 500))
      const lines = Array.from({ length: portion }, (_, index) => {
        const id = this.#written + index
        return `${JSON.stringify({ id, key: id % KEYS, text: `line ${id}` })}\n`
      })
      await appendFile(path, lines.join(''))
      this.#written += portion
      left -= portion
      if (this.#hasRun && this.random.next() < 0.1) {
        this.#rotations += 1
        await rename(path, `${path}.${this.#rotations}`)
      }
      await delay(this.random.between(0, 40))
    }
  }

  /** What is there at the moment. */
  async arrived(home: Home): Promise<{ readonly rows: number; readonly lines: readonly number[] }> {
    const text = await readFile(join(this.directory, 'out', 'lines.jsonl'), 'utf8').catch(() => '')
    const lines = text.split('\n').flatMap((line) => (line === '' ? [] : [idOf(line)]))
    const found = await home.witness(`SELECT count(*) AS n FROM workflow_rows`).catch(() => [{ n: 0 }])
    return { rows: Number(found[0]?.['n'] ?? 0), lines }
  }

  /** Waits until everything is there, and compares. Resolves to how many rows there are. */
  async settled(home: Home): Promise<number> {
    const end = Date.now() + 60_000
    for (;;) {
      const { rows, lines } = await this.arrived(home)
      const first = new Set(lines)
      if (rows === this.#written && first.size === this.#written) {
        refuseDisorder(lines)
        this.#hasRun = true
        return rows
      }
      if (rows > this.#written) throw new Error(`${rows} rows of ${this.#written} lines`)
      if (Date.now() > end) throw new Error(`${rows} rows and ${first.size} lines of ${this.#written} after a minute`)
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
