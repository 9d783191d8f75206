import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { expect, it } from 'vitest'
import { Random } from '../random.ts'
import type { Moving } from './file-mover.ts'

const ROUNDS = 4
const BATCH = 50

function start(moving: Moving): ChildProcess {
  const program = new URL('file-mover.ts', import.meta.url).pathname
  return spawn(process.execPath, [program, JSON.stringify(moving)], { stdio: ['ignore', 'ignore', 'inherit'] })
}

/**
 * Starts it again and again, and kills it at any moment, but not before it has acknowledged anything at all; `meanwhile`
 * runs beside each.
 */
async function killed(moving: Moving, random: Random, meanwhile: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const child = start(moving)
    const gone = once(child, 'exit')
    if (round === 0) await expect.poll(() => existsSync(moving.position), { timeout: 20_000, interval: 5 }).toBe(true)
    const beside = meanwhile(round)
    await new Promise((resolve) => setTimeout(resolve, random.between(0, round === 0 ? 100 : 1_500)))
    child.kill('SIGKILL')
    await gone
    await beside
  }
}

/** Lets it run until it ends, or, when `done` is told, until that is so. */
async function finished(moving: Moving, done?: () => Promise<void>): Promise<void> {
  const child = start(moving)
  const gone = once(child, 'exit')
  try {
    await done?.()
  } finally {
    if (done !== undefined) child.kill('SIGTERM')
  }
  expect(await gone).toEqual([0, null])
}

/** Ids in the order of the files they stand in; parts last. */
async function idsIn(directory: string): Promise<number[]> {
  const names = (await readdir(directory)).toSorted((a, b) =>
    a.endsWith('.part') === b.endsWith('.part') ? (a < b ? -1 : 1) : a.endsWith('.part') ? 1 : -1,
  )
  const texts = await Promise.all(names.map(async (name) => await readFile(join(directory, name), 'utf8')))
  return texts.flatMap((text) => {
    if (!text.startsWith('{')) return parse<{ id: string }>(text, { columns: true }).map(({ id }) => Number(id))
    expect(text.endsWith('\n')).toBe(true)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { id: number }).id)
  })
}

/** All of them, none out of order, and after each kill no more than so many twice. */
function expectAll(ids: readonly number[], count: number, mostTwice: number): void {
  expect(new Set(ids).size).toBe(count)
  let next = 0
  let twice = 0
  for (const id of ids) {
    expect(id).toBeLessThanOrEqual(next)
    twice += id === next ? 0 : 1
    next = id + 1
  }
  expect(next).toBe(count)
  expect(twice).toBeLessThanOrEqual(mostTwice)
}

const COUNT = 40_000
const noted = '{"id": index, "note": "a \\"b\\"\\n" + string(index % 7)}'

it.each([
  ['one file', { path: 'out.jsonl' }],
  ['files by size', { path: 'out.jsonl', rotate: { bytes: 100_000 } }],
  ['files by time', { path: 'out.jsonl', rotate: { every: '200ms' } }],
  ['CSV by size', { path: 'out.csv', csv: { columns: ['id', 'note'] }, rotate: { bytes: 100_000 } }],
])(
  'into %s, killed at any moment: nothing is lost, and no more than a batch comes twice',
  { timeout: 60_000 },
  async (_name, config) => {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-file-kill-'))
    const out = join(directory, 'out')
    const moving: Moving = {
      source: { generate: { expression: noted, batch: BATCH, count: COUNT } },
      sink: { ...config, path: join(out, config.path) },
      position: join(directory, 'position'),
    }
    await killed(moving, new Random(11), async () => {})
    const [code] = (await once(start(moving), 'exit')) as [number]
    expect(code).toBe(0)
    expectAll(await idsIn(out), COUNT, ROUNDS * BATCH)
    await rm(directory, { recursive: true })
  },
)

it('from a file that grows and is rotated into files, killed at any moment: nothing is lost', {
  timeout: 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-file-kill-'))
  const out = join(directory, 'out')
  const path = join(directory, 'app.log')
  const random = new Random(12)
  let written = 0
  const grow = async (): Promise<void> => {
    for (let burst = 0; burst < 8; burst++) {
      const lines = Array.from({ length: 300 }, (_, index) => `${JSON.stringify({ id: written + index })}\n`)
      await appendFile(path, lines.join(''))
      written += lines.length
      await new Promise((resolve) => setTimeout(resolve, random.between(0, 60)))
    }
  }
  const moving: Moving = {
    source: { file: { path, poll: '20ms' } },
    sink: { path: join(out, 'out.jsonl'), rotate: { bytes: 20_000 } },
    position: join(directory, 'position'),
  }
  await grow()
  await killed(moving, random, async (round) => {
    await grow()
    await rename(path, `${path}.${ROUNDS - round}`)
    await grow()
  })
  await finished(moving, async () => {
    await expect.poll(async () => new Set(await idsIn(out)).size, { timeout: 30_000, interval: 200 }).toBe(written)
  })
  expectAll(await idsIn(out), written, ROUNDS * 1_000)
  await rm(directory, { recursive: true })
})
