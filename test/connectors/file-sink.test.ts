import { execFileSync } from 'node:child_process'
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { fileSink } from '../../src/connectors/sinks/file.ts'
import { parseLossless } from '../../src/lossless-json.ts'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { FakeClock, settle } from '../fake-clock.ts'
import { failure } from './clients.ts'
import { openConnector } from './open-connector.ts'
import { never } from './opened.ts'
import { sinkContract } from './sink-contract.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-file-sink-'))
})
afterEach(() => rm(root, { recursive: true }))

const open = (config: object, clock?: Clock): Promise<Sink> =>
  openConnector(fileSink, config, clock === undefined ? {} : { clock })

const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

/** Names of the files of a directory, with their texts, in order. */
async function files(directory = root): Promise<Record<string, string>> {
  const names = (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted()
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const)),
  )
}

async function temporary(): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-file-sink-'))
  return { directory, remove: () => rm(directory, { recursive: true }) }
}

sinkContract('file', async () => {
  const { directory, remove } = await temporary()
  const path = join(directory, 'out.jsonl')
  return {
    open: () => open({ path }),
    written: async () => linesOf(await readFile(path, 'utf8').catch(() => '')),
    [Symbol.asyncDispose]: remove,
  }
})

sinkContract('file with rotation', async () => {
  const { directory, remove } = await temporary()
  return {
    open: () => open({ path: join(directory, '%Y', 'out.jsonl'), rotate: { bytes: 20_000 } }),
    written: async () => Object.values(await files(directory)).flatMap(linesOf),
    [Symbol.asyncDispose]: remove,
  }
})

sinkContract('file of CSV', async () => {
  const { directory, remove } = await temporary()
  const path = join(directory, 'out.csv')
  return {
    open: () => open({ path, csv: { columns: ['id', 'name', 'note'] } }),
    written: async () => {
      const rows: Record<string, string>[] = parse(await readFile(path, 'utf8').catch(() => ''), { columns: true })
      return rows.map(({ id, ...rest }) => ({ id: Number(id), ...rest }))
    },
    refused: 17,
    [Symbol.asyncDispose]: remove,
  }
})

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

describe('a line', () => {
  it('is the payload as it came, or its JSON where it holds line breaks', async () => {
    const path = join(root, 'out.jsonl')
    await using sink = await open({ path })
    const payloads = ['{"a": 1.50}', '{\n "a": 12345678901234567890\n}', 'not json', '{"b":1}\r\n', '', '{\n"a":']
    const rejections = await sink.write(bytesBatch(payloads.map(text)), never)
    expect(rejections.map(({ index }) => index)).toEqual([4, 5])
    expect(rejections.map(({ reason }) => reason)).toEqual([
      'the payload is empty',
      expect.stringContaining('the payload is not JSON'),
    ])
    expect(await readFile(path, 'utf8')).toBe('{"a": 1.50}\n{"a":12345678901234567890}\nnot json\n{"b":1}\n')
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    expect(await sink.write(valueBatch([cyclic, undefined, null]), never)).toMatchObject([{ index: 0 }, { index: 1 }])
  })

  it('may be larger than everything before', async () => {
    const path = join(root, 'out.jsonl')
    await using sink = await open({ path })
    const large = { text: 'ü'.repeat(10_000_000) }
    await sink.write(valueBatch([large, 1]), never)
    await sink.write(valueBatch([2]), never)
    expect(linesOf(await readFile(path, 'utf8'))).toEqual([large, 1, 2])
  })

  it('of CSV is quoted where it must be, and keeps what types there are', async () => {
    const path = join(root, 'out.tsv')
    await using sink = await open({ path, csv: { columns: ['a', 'b"c', 'constructor'] } })
    const values: Record<string, unknown>[] = [
      { a: 1.5, 'b"c': 'x\ty', constructor: true },
      { a: null, 'b"c': '', other: 1 },
      { a: [1], 'b"c': ' s', constructor: parseLossless('12345678901234567890') },
    ]
    expect(await sink.write(valueBatch([...values, [1], null]), never)).toMatchObject([{ index: 3 }, { index: 4 }])
    expect(await readFile(path, 'utf8')).toBe(
      'a\t"b""c"\tconstructor\n1.5\t"x\ty"\ttrue\n\t""\t\n[1]\t" s"\t12345678901234567890\n',
    )
    expect((await failure(open({ path }))).message).toContain('csv.columns')
    await using other = await open({ path, csv: { columns: ['z'] } })
    expect((await failure(other.write(valueBatch([{ z: 1 }]), never))).code).toBe('connector_refused')
  })
})

describe('several writes at a time', () => {
  it.each([{}, { rotate: { bytes: 5_000 } }])('keep their order, with %j', async (config) => {
    await using sink = await open({ path: join(root, 'out.jsonl'), ...config })
    const writes = Array.from({ length: 100 }, (_, at) => sink.write(valueBatch([at * 2, at * 2 + 1]), never))
    expect((await Promise.all(writes)).flat()).toEqual([])
    expect(Object.values(await files()).flatMap(linesOf)).toEqual(Array.from({ length: 200 }, (_, at) => at))
  })

  it('fail together, are given up alone, and go on', async () => {
    const path = join(root, 'dir')
    await mkdir(path)
    await using sink = await open({ path })
    const abort = new AbortController()
    const writes = [1, 2, 3].map((value) => sink.write(valueBatch([value]), value === 2 ? abort.signal : never))
    abort.abort(new Error('enough'))
    const errors = await Promise.all(writes.map((write) => write.then(String, ({ code, message }) => code ?? message)))
    expect(errors).toEqual(['file_sink_failed', 'enough', 'file_sink_failed'])
    await rm(path, { recursive: true })
    await Promise.all([4, 5].map((value) => sink.write(valueBatch([value]), never)))
    expect(await readFile(path, 'utf8')).toBe('4\n5\n')
  })
})

describe('what a crash left', () => {
  const cases: [name: string, left: string, kept: string][] = [
    ['half a line', '{"a":1}\n{"a":', '{"a":1}\n'],
    ['nothing but half a line', '{"a', ''],
    ['a line without its end', '{"a":1}\n{"a":2}', '{"a":1}\n{"a":2}\n'],
    ['half a number', '1\n12', '1\n'],
    ['zeros where the disk got no data', '{"a":1}\n\0\0\0\0', '{"a":1}\n'],
    ['a long line', `${'x'.repeat(3_000_000)}\n${'y'.repeat(3_000_000)}`, `${'x'.repeat(3_000_000)}\n`],
  ]
  it.each(cases)('%s', async (_name, left, kept) => {
    const path = join(root, 'out.jsonl')
    await writeFile(path, left)
    await using sink = await open({ path })
    await sink.write(valueBatch([{ z: 1 }]), never)
    expect(await readFile(path, 'utf8')).toBe(`${kept}{"z":1}\n`)
  })

  it('of CSV: a line break within quotes ends no row', async () => {
    const path = join(root, 'out.csv')
    await writeFile(path, 'a,b\n1,"x\ny"\n2,"z\nzz\n')
    await using sink = await open({ path, csv: { columns: ['a', 'b'] } })
    await sink.write(valueBatch([{ a: 3, b: 'c' }]), never)
    expect(await readFile(path, 'utf8')).toBe('a,b\n1,"x\ny"\n3,c\n')
  })

  it('at every byte of the last write: no line is lost, none is spoiled', async () => {
    const path = join(root, 'out.jsonl')
    const whole = '{"id":1}\n{"id":2,"t":"a\\nb"}\n{"id":3}\n'
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(path, whole.slice(0, length))
      await using sink = await open({ path })
      await sink.write(valueBatch([{ id: 9 }]), never)
      const ids = linesOf(await readFile(path, 'utf8')).map((value) => (value as { id: number }).id)
      expect(ids).toEqual([...[1, 2, 3].slice(0, ids.length - 1), 9])
      expect(ids.length - 1).toBeGreaterThanOrEqual(whole.slice(0, length).split('\n').length - 1)
    }
  })
})

describe('somebody else', () => {
  it('may move the file away: another is begun', async () => {
    const path = join(root, 'out.jsonl')
    await using sink = await open({ path })
    await sink.write(valueBatch([1]), never)
    await rename(path, join(root, 'old.jsonl'))
    await sink.write(valueBatch([2]), never)
    await rm(path)
    await sink.write(valueBatch([3]), never)
    expect(await files()).toEqual({ 'old.jsonl': '1\n', 'out.jsonl': '3\n' })
  })

  it('may cut it or write to it: it goes on at its end', async () => {
    const path = join(root, 'out.jsonl')
    await using sink = await open({ path })
    await sink.write(valueBatch([1, 2, 3]), never)
    await truncate(path)
    await sink.write(valueBatch([4]), never)
    await appendFile(path, '"by hand"\n')
    await sink.write(valueBatch([5]), never)
    expect(await readFile(path, 'utf8')).toBe('4\n"by hand"\n5\n')
  })

  it('may be a sink too: the two write behind each other, and nothing is lost', async () => {
    for (const config of [{ path: join(root, 'a.jsonl') }, { path: join(root, 'b.jsonl'), rotate: { bytes: 40 } }]) {
      await using first = await open(config)
      await using second = await open(config)
      const numbers = Array.from({ length: 40 }, (_, index) => index)
      await Promise.all(numbers.map((n) => (n % 2 === 0 ? first : second).write(valueBatch([n, -n]), never)))
    }
    const written = Object.entries(await files()).map(
      ([name, content]) => [name.slice(0, 1), linesOf(content)] as const,
    )
    for (const name of ['a', 'b']) {
      const values = written.flatMap(([of, lines]) => (of === name ? lines : []))
      expect(values).toHaveLength(80)
      expect(new Set(values).size).toBe(79)
    }
  })
})

describe('rotation', () => {
  it('by size gives numbered files; only the last is a part', async () => {
    const config = { path: join(root, 'out.jsonl'), rotate: { bytes: 10 } }
    const numbers = async (values: readonly number[]): Promise<void> => {
      await using sink = await open(config)
      for (const value of values) await sink.write(valueBatch([value]), never)
    }
    await numbers([1111, 2222, 3333])
    expect(await files()).toEqual({ 'out-000001.jsonl': '1111\n2222\n', 'out.jsonl.part': '3333\n' })
    await numbers([4444, 5555, 123_456_789_012])
    expect(await files()).toEqual({
      'out-000001.jsonl': '1111\n2222\n',
      'out-000002.jsonl': '3333\n4444\n',
      'out-000003.jsonl': '5555\n',
      'out.jsonl.part': '123456789012\n',
    })
    await rm(join(root, 'out-000002.jsonl'))
    await numbers([6666])
    expect((await files())['out-000004.jsonl']).toBe('123456789012\n')
  })

  it('by time completes a file though nothing comes', async () => {
    const clock = new FakeClock(Date.now() - (Date.now() % 60_000) + 10_000)
    const sink = await open({ path: join(root, 'a', 'out.jsonl'), rotate: { every: '1m' } }, clock)
    await sink.write(valueBatch([1]), never)
    await sink.write(valueBatch([2]), never)
    expect(await files()).toEqual({ 'a/out.jsonl.part': '1\n2\n' })
    await clock.advance(50_100)
    await expect.poll(() => files()).toEqual({ 'a/out-000001.jsonl': '1\n2\n' })
    await sink.write(valueBatch([3]), never)
    expect(await files()).toEqual({ 'a/out-000001.jsonl': '1\n2\n', 'a/out.jsonl.part': '3\n' })
    await sink[Symbol.asyncDispose]()
    await settle()
  })

  it('by date parts: a file of a time that is over is whole, after a restart too, and its name is never taken', async () => {
    const config = { path: join(root, '%Y-%m-%d', 'h%H.jsonl') }
    const clock = new FakeClock(Date.UTC(2026, 0, 31, 22, 59))
    const first = await open(config, clock)
    await first.write(valueBatch([1]), never)
    const part = join(root, '2026-01-31', 'h22.jsonl.part')
    expect(await files()).toEqual({ '2026-01-31/h22.jsonl.part': '1\n' })
    await first[Symbol.asyncDispose]()
    await appendFile(part, '{"torn')

    const same = await open(config, clock)
    // Its time is that of the last write.
    await utimes(part, clock.now() / 1000, clock.now() / 1000).catch(() => undefined)
    await same[Symbol.asyncDispose]()

    const later = await open(config, new FakeClock(Date.UTC(2026, 1, 1, 0, 5)))
    await later.write(valueBatch([2]), never)
    await later[Symbol.asyncDispose]()
    const after = await files()
    expect(after['2026-02-01/h00.jsonl.part']).toBe('2\n')
    expect(Object.values(after)).toEqual(['1\n', '2\n'])

    await writeFile(join(root, '2026-02-01', 'h00.jsonl'), 'mine\n')
    await (await open(config, new FakeClock(Date.UTC(2026, 1, 1, 1, 5))))[Symbol.asyncDispose]()
    expect(Object.entries(await files())).toEqual([
      ['2026-01-31/h22.jsonl', '1\n'],
      ['2026-02-01/h00-000001.jsonl', '2\n'],
      ['2026-02-01/h00.jsonl', 'mine\n'],
    ])
  })

  it('begins another file where the one that was left has other columns', async () => {
    const path = join(root, 'out.csv')
    for (const columns of [['a'], ['a', 'b']]) {
      await using sink = await open({ path, csv: { columns }, rotate: { bytes: 1_000 } })
      await sink.write(valueBatch([{ a: 1, b: 2 }]), never)
    }
    expect(await files()).toEqual({ 'out-000001.csv': 'a\n1\n', 'out.csv.part': 'a,b\n1,2\n' })
  })
})

/** Three writes, of which the second goes beyond what a file may have; prints what became of each. */
const beyond = `
  import { openConnector } from './test/connectors/open-connector.ts'
  import { fileSink } from './src/connectors/sinks/file.ts'
  import { valueBatch } from './src/stream/batches.ts'
  const sink = await openConnector(fileSink, JSON.parse(process.argv[1]))
  const said = []
  for (const text of ['a', 'b'.repeat(100_000), 'c']) {
    const written = sink.write(valueBatch(['first', text]), new AbortController().signal)
    said.push(await written.then(() => 'ok', ({ code, next, message }) => [code, next, message]))
  }
  await sink[Symbol.asyncDispose]()
  console.log(JSON.stringify(said))`

describe('a place that cannot be written to', () => {
  it.each([{}, { rotate: { bytes: 1_000_000 } }])('or not any more, with %j: no line is spoiled', async (config) => {
    const path = join(root, 'out.jsonl')
    // Writes beyond 64 KiB fail in the middle, as on a full disk.
    const limited = 'trap \'\' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"'
    const args = ['-c', limited, process.execPath, beyond, JSON.stringify({ path, ...config })]
    const said: unknown = JSON.parse(execFileSync('bash', args, { encoding: 'utf8' }))
    const file = 'rotate' in config ? `${path}.part` : path
    expect(said).toEqual([
      'ok',
      ['file_sink_failed', 'retry', expect.stringMatching(new RegExp(`^${file} cannot be written: EFBIG`))],
      'ok',
    ])
    expect(await readFile(file, 'utf8')).toBe('"first"\n"a"\n"first"\n"c"\n')
  })

  it('is named, and may be tried again', async () => {
    await writeFile(join(root, 'file'), '')
    await using sink = await open({ path: join(root, 'file', 'out.jsonl') })
    const error = await failure(sink.write(valueBatch([1]), never))
    expect([error.code, error.next]).toEqual(['file_sink_failed', 'retry'])
    expect(error.message).toContain(join(root, 'file'))
    await rm(join(root, 'file'))
    expect(await sink.write(valueBatch([1]), never)).toEqual([])

    await mkdir(join(root, 'dir'))
    await using directory = await open({ path: join(root, 'dir') })
    expect((await failure(directory.write(valueBatch([1]), never))).code).toBe('file_sink_failed')
    expect((await failure(open({ path: join(root, '%Q.jsonl') }))).message).toContain('%Q')
    expect((await failure(open({ path: '/dev/full' }).then((full) => full.write(valueBatch([1]), never)))).code).toBe(
      'connector_refused',
    )
  })
})
