import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { verifyBuffer } from '../../src/connectors/buffers/file-inspect.ts'
import { Random } from '../random.ts'
import { drain, idsOf, never } from './buffers.ts'
import type { ChildTask } from './file-buffer-child.ts'
import { BufferDirectory } from './file-buffer-world.ts'

const script = fileURLToPath(new URL('./file-buffer-child.ts', import.meta.url))
const limits = { bytes: 2_000_000, segmentBytes: 100_000 }
const consumers = ['one', 'two']

/** What a child said before it was killed: first and last id of each batch, in order. */
interface Told {
  pushed: number
  readonly taken: Readonly<Record<string, (readonly [first: number, last: number])[]>>
}

function start(task: ChildTask): ChildProcess {
  return spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Runs the flow, and kills it so many milliseconds after it has begun. */
async function flowKilled(task: ChildTask, afterMs: number): Promise<Told> {
  const child = start(task)
  const exited = once(child, 'exit')
  if (child.stdout === null) throw new Error('the child has no output')
  await once(child.stdout, 'data')
  await delay(afterMs)
  child.kill('SIGKILL')
  await exited
  const told: Told = { pushed: task.first - 1, taken: { one: [], two: [] } }
  for (const line of readFileSync(task.log, 'utf8').split('\n').slice(0, -1)) {
    const [what = '', first, last] = line.split(' ')
    if (what === 'pushed') told.pushed = Number(first)
    else told.taken[what]?.push([Number(first), Number(last)])
  }
  return told
}

test.each([
  ['in files', {}],
  ['in memory and files', { memory: 5 }],
])(
  'nothing that was acknowledged %s is lost to kill -9 in full flow, and consumers go on near where they were',
  async (_, more) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = new Random(seed)
    using directory = new BufferDirectory()
    const acked: (readonly [number, number])[] = []
    const seen = new Map(consumers.map((name) => [name, new Set<number>()]))
    let first = 0
    for (let round = 0; round < 5; round += 1) {
      const batch = random.pick([1, 10, 100])
      const task = { dir: directory.path, log: join(directory.path, 'told'), consumers, first, batch, limits, ...more }
      const told = await flowKilled(task, random.between(20, 700))
      acked.push([first, told.pushed])
      for (const name of consumers) {
        const before = seen.get(name)
        let last = -1
        for (const [from, to] of told.taken[name] ?? []) {
          expect(from, `order, seed ${seed}`).toBeGreaterThan(last)
          last = to
          for (let id = from; id <= to; id += 1) before?.add(id)
        }
      }
      expect(await verifyBuffer(directory.path), `seed ${seed}`).toMatchObject({
        damagedFrames: 0,
        areConsumersLost: false,
      })
      first += 10_000_000
    }
    await using buffer = await directory.open({ consumers, ...limits })
    buffer.end()
    for (const [consumer, name] of consumers.entries()) {
      const ids = seen.get(name) ?? new Set()
      for (const id of await drain(buffer, consumer)) ids.add(Number(id))
      for (const [from, to] of acked) {
        let missing = 0
        for (let id = from; id <= to; id += 1) if (!ids.has(id)) missing += 1
        expect(missing, `of ${from} to ${to}, consumer ${name}, seed ${seed}`).toBe(0)
      }
    }
    expect(directory.warnings.filter(({ message }) => !message.includes('unfinished'))).toEqual([])
  },
)

test('a second process is refused, until the first has gone however it did', async () => {
  using directory = new BufferDirectory()
  const child = start({ dir: directory.path, log: '/dev/null', consumers: ['c0'], first: 0, batch: 10, limits })
  const exited = once(child, 'exit')
  if (child.stdout === null) throw new Error('the child has no output')
  await once(child.stdout, 'data')
  await expect(directory.open()).rejects.toMatchObject({
    code: 'buffer_in_use',
    next: 'retry',
    message: expect.stringContaining(directory.path),
    fix: expect.stringContaining('Stop the other service'),
  })
  child.kill('SIGKILL')
  await exited
  await using buffer = await directory.open()
  await expect(directory.open()).rejects.toMatchObject({ code: 'buffer_in_use' })
  buffer.end()
  for await (const { batch } of buffer.pull(never)) expect(idsOf(batch).length).toBe(10)
})
