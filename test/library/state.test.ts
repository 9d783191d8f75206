import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type PipelineOptions, pipeline } from 'hermes'
import { describe, expect, it } from 'vitest'
import { Random } from '../random.ts'
import { numbers, scratch, until } from './scratch.ts'

const child = fileURLToPath(new URL('killed-child.ts', import.meta.url))

/** Runs the program; kills it so long after its first write, or never. Resolves to whether it came to its end. */
async function run(root: string, killAfterMs: number | undefined): Promise<boolean> {
  const started = spawn(process.execPath, [child, root], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(started, 'exit')
  const first = await Promise.race([once(started.stdout, 'data'), ended.then(() => undefined)])
  if (first !== undefined && killAfterMs !== undefined) {
    await delay(killAfterMs)
    started.kill('SIGKILL')
  }
  const [code] = await ended
  return code === 0
}

/** Many reads of the file. */
const padded = numbers(10_000).map((message) => ({ ...message, text: 'x'.repeat(100) }))

describe('a state file', () => {
  it('has a program that is killed go on where it was: nothing is lost', { timeout: 60_000 }, async () => {
    using place = scratch()
    const random = new Random(7)
    place.write('in.jsonl', padded)
    const ends: boolean[] = []
    for (let kill = 0; kill < 4; kill += 1) ends.push(await run(place.root, random.between(0, 400)))
    expect(ends.filter((ended) => !ended).length).toBeGreaterThan(1)
    expect(await run(place.root, undefined)).toBe(true)
    const out = readFileSync(join(place.root, 'out.jsonl'), 'utf8').split('\n').flatMap(parsed)
    expect(new Set(out.map(({ id }) => id))).toEqual(new Set(padded.map(({ id }) => id)))
    expect(out.every(({ id, double }) => double === 2 * id)).toBe(true)
    // It went on: only what was on its way came twice.
    expect(out.length).toBeLessThan(2 * padded.length)
  })

  it('has a pipeline that was stopped go on, without anything twice', async () => {
    using place = scratch()
    place.write('in.jsonl', numbers(500))
    const written: unknown[] = []
    const options = (slowMs: number): PipelineOptions => ({
      root: place.root,
      state: 'state.json',
      source: { file: { path: 'in.jsonl', follow: false } },
      steps: [{ filter: 'message.id >= 0' }],
      sinks: [{ batch: { messages: 10 }, code: (all) => delay(slowMs).then(() => void written.push(...all)) }],
    })
    const first = await pipeline(options(1))
    await until(() => written.length > 0)
    await first.stop()
    place.write('more.jsonl', [])
    await using second = await pipeline(options(0))
    await second.finished
    expect(written).toEqual(numbers(500))
    expect(Object.keys(JSON.parse(readFileSync(join(place.root, 'state.json'), 'utf8')) as object)).toEqual([
      'source',
      'position',
    ])
  })

  it('is one pipeline’s alone while it runs', async () => {
    using place = scratch()
    const options: PipelineOptions = { root: place.root, state: 's.json', source: [1], sinks: [() => delay(50)] }
    await using first = await pipeline(options)
    await expect(pipeline(options)).rejects.toMatchObject({ code: 'state_in_use' })
    await first.finished
    await using second = await pipeline(options)
    await second.finished
  })

  it.each([
    ['half a file', '{"source":"co', 'no file that a pipeline wrote'],
    ['something else', '[1, 2]', 'no file that a pipeline wrote'],
    [
      'that of another source',
      '{"source":"redis","position":"1-0"}',
      'a pipeline from redis, and this one is from code',
    ],
  ])('that is %s is refused, and left alone', async (_, text, message) => {
    using place = scratch()
    writeFileSync(join(place.root, 's.json'), text)
    const options: PipelineOptions = { root: place.root, state: 's.json', source: [1], sinks: [{ drop: {} }] }
    await expect(pipeline(options)).rejects.toMatchObject({
      code: 'state_invalid',
      message: expect.stringContaining(message),
    })
    expect(readFileSync(join(place.root, 's.json'), 'utf8')).toBe(text)
    writeFileSync(join(place.root, 's.json'), '{"source":"code","position":0}')
    await using flow = await pipeline(options)
    await flow.finished
  })

  it('in a directory that is not there is refused', async () => {
    using place = scratch()
    const options: PipelineOptions = { root: place.root, state: 'no/s.json', source: [1], sinks: [{ drop: {} }] }
    await expect(pipeline(options)).rejects.toMatchObject({ code: 'state_invalid' })
  })

  it('that cannot be written is told, and the messages go on', async () => {
    using place = scratch()
    const inside = join(place.root, 'inside')
    mkdirSync(inside)
    const told: string[] = []
    const written: unknown[] = []
    const source = {
      async *read() {
        yield { messages: [1], position: 1 }
        mkdirSync(join(inside, 's.json'))
        yield { messages: [2], position: 2 }
      },
    }
    await using flow = await pipeline({
      root: inside,
      state: 's.json',
      source,
      sinks: [(messages) => void written.push(...messages)],
      log: { debug: () => {}, info: () => {}, warn: (_, message) => void told.push(message), error: () => {} },
    })
    await flow.finished
    expect(written).toEqual([1, 2])
    expect(told).toContain('position not saved')
  })
})

describe('a durable buffer', () => {
  it('keeps what was read for the next start', async () => {
    using place = scratch()
    const written: unknown[] = []
    let away = true
    const options: PipelineOptions = {
      root: place.root,
      dir: 'buffer',
      state: 's.json',
      buffer: { file: {} },
      source: {
        async *read(from) {
          if (from === undefined) yield { messages: [1, 2, 3], position: 3 }
        },
      },
      sinks: [
        (messages) => {
          if (away) throw new Error('away')
          written.push(...messages)
        },
      ],
      delivery: { drain: '50ms', retry: { first: '5ms' } },
      log: false,
    }
    const first = await pipeline(options)
    await until(() => first.stats.position === 3)
    await expect(first.stop()).rejects.toMatchObject({ code: 'not_drained' })
    away = false
    await using second = await pipeline(options)
    await second.finished
    expect(written).toEqual([1, 2, 3])
    expect(existsSync(join(place.root, 'buffer'))).toBe(true)
  })
})

function parsed(line: string): readonly { readonly id: number; readonly double: number }[] {
  // A process that is killed may leave half a line.
  try {
    return line === '' ? [] : [JSON.parse(line) as { id: number; double: number }]
  } catch {
    return []
  }
}
