import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { followFileSource } from '../../src/connectors/sources/follow-file.ts'
import type { Batch } from '../../src/stream/batch.ts'
import type { Log } from '../../src/stream/connector.ts'
import type { Source } from '../../src/stream/source.ts'
import { failure } from './clients.ts'
import { openConnector } from './open-connector.ts'
import { never } from './opened.ts'
import { streamSourceContract } from './stream-source-contract.ts'

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `${JSON.stringify({ id: from + index })}\n`).join('')

streamSourceContract('file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-follow-'))
  const path = join(directory, 'app.log')
  return {
    open: () => openConnector(followFileSource, { path, poll: '20ms' }),
    give: (from, to) => appendFile(path, lines(from, to)),
    resumes: true,
    hasIds: true,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})

let root: string
let path: string
let warnings: string[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-follow-'))
  path = join(root, 'app.log')
  warnings = []
})
afterEach(() => rm(root, { recursive: true }))

function open(config: object = {}): Promise<Source> {
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: (_fields, message) => warnings.push(message),
    error: () => {},
    child: () => log,
  }
  return openConnector(followFileSource, { path, poll: '20ms', ...config }, { log })
}

const text = (batch: Batch, index: number): string => Buffer.from(batch.bytes(index)).toString()

/** A reader that goes on in the background; `until` waits for so many lines. */
interface Reader extends AsyncDisposable {
  readonly seen: string[]
  readonly position: unknown
  until(count: number): Promise<readonly string[]>
  stop(): Promise<unknown>
}

async function reading(from?: unknown, config: object = {}): Promise<Reader> {
  const source = await open(config)
  const stop = new AbortController()
  const seen: string[] = []
  const ids: (string | undefined)[] = []
  let position = from
  const done = (async () => {
    for await (const batch of source.read(from, stop.signal, never)) {
      for (let index = 0; index < batch.size; index++) {
        seen.push(text(batch, index))
        ids.push(batch.meta(index).id)
      }
      position = JSON.parse(JSON.stringify(batch.position))
    }
    expect(new Set(ids).size).toBe(ids.length)
    await source[Symbol.asyncDispose]()
    return position
  })()
  const end = (): Promise<unknown> => {
    stop.abort()
    return done
  }
  return {
    seen,
    get position() {
      return position
    },
    until: async (count) => {
      await expect.poll(() => seen.length, { timeout: 8_000, interval: 5 }).toBeGreaterThanOrEqual(count)
      return seen
    },
    stop: end,
    [Symbol.asyncDispose]: async () => void (await end()),
  }
}

/** Everything that is there, by a reader that does not wait for more. */
async function whole(from?: unknown, config: object = {}): Promise<string[]> {
  await using source = await open({ follow: false, ...config })
  const batches = await Array.fromAsync(source.read(from, never, never))
  return batches.flatMap((batch) => Array.from({ length: batch.size }, (_, index) => text(batch, index)))
}

describe('lines', () => {
  it('are cut at line breaks of both kinds, empty ones left out, bytes as they are', async () => {
    await writeFile(path, Buffer.from('\uFEFFa\r\n\n  b \n\r\nnot json \xff\nc', 'latin1'))
    await writeFile(path, Buffer.concat([Buffer.from('\uFEFFa\r\n\n  b \n\r\n\uFEFFx\n'), Buffer.from([0xff, 10, 99])]))
    await using source = await open({ follow: false })
    const [batch] = await Array.fromAsync(source.read(undefined, never, never))
    expect(Array.from({ length: 4 }, (_, index) => Buffer.from(batch?.bytes(index) ?? [])).map(String)).toEqual([
      'a',
      '  b ',
      '\uFEFFx',
      '\uFFFD',
    ])
    expect([...(batch?.bytes(3) ?? [])]).toEqual([0xff])
    expect(() => batch?.value(0)).toThrow('not JSON')
    expect((await whole()).at(-1)).toBe('c')
  })

  it('wait for their line break', async () => {
    await writeFile(path, 'one\ntw')
    await using reader = await reading()
    await reader.until(1)
    await appendFile(path, 'o')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(reader.seen).toEqual(['one'])
    await appendFile(path, '\nthree')
    expect(await reader.until(2)).toEqual(['one', 'two'])
    expect(await whole(await reader.stop())).toEqual(['three'])
  })

  it('may be longer than a read, up to their bound', async () => {
    const long = 'x'.repeat(900_000)
    await writeFile(path, `a\n${long}\nb\n`)
    expect((await whole()).map(({ length }) => length)).toEqual([1, 900_000, 1])

    const refused = await failure(whole(undefined, { maxLineBytes: 1_000 }))
    expect([refused.code, refused.message]).toEqual([
      'file_source_invalid',
      `${path}: the line at byte 2 has more than 1000 bytes`,
    ])
    expect(await whole(undefined, { maxLineBytes: 1_000, longLines: 'skip' })).toEqual(['a', 'b'])
    await writeFile(path, `a\n${'y'.repeat(50)}\nb\n${'z'.repeat(2_000_000)}`)
    expect(await whole(undefined, { maxLineBytes: 10, longLines: 'skip' })).toEqual(['a', 'b'])
    expect(warnings).toEqual(Array(3).fill('line left out: it is too long'))
  })

  it('that are too long and still growing are passed over whole', async () => {
    await writeFile(path, `a\n${'y'.repeat(50)}`)
    await using reader = await reading(undefined, { maxLineBytes: 10, longLines: 'skip' })
    await reader.until(1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    await appendFile(path, 'yyy\nb\n')
    expect(await reader.until(2)).toEqual(['a', 'b'])
  })
})

describe('a file', () => {
  it('that is not there is waited for, with its directory', async () => {
    path = join(root, 'deep', 'app.log')
    await using reader = await reading()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await mkdir(join(root, 'deep'))
    await writeFile(path, 'a\n')
    expect(await reader.until(1)).toEqual(['a'])
  })

  it('that is not there fails without follow, and what is no file fails at once', async () => {
    expect((await failure(whole())).code).toBe('file_source_missing')
    await mkdir(path)
    expect((await failure(whole())).message).toContain('is not a regular file')
    await using source = await open()
    expect((await failure(source.ping(never))).code).toBe('file_source_invalid')
  })

  it('can be read from its end on, and from its beginning when it comes later', async () => {
    await writeFile(path, 'old\nhal')
    await using reader = await reading(undefined, { start: 'end' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    await appendFile(path, 'f\nnew\n')
    expect((await reader.until(1)).at(-1)).toBe('new')
    await reader.stop()
    await unlink(path)
    await using later = await reading(undefined, { start: 'end' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await writeFile(path, 'first\n')
    expect(await later.until(1)).toEqual(['first'])
  })

  it('is followed within milliseconds, without polling', async () => {
    await writeFile(path, 'a\n')
    await using reader = await reading(undefined, { poll: '1h' })
    await reader.until(1)
    for (let index = 0; index < 20; index++) {
      const begun = performance.now()
      await appendFile(path, `${index}\n`)
      await reader.until(index + 2)
      expect(performance.now() - begun).toBeLessThan(2_000)
    }
  })
})

describe('rotation', () => {
  it('by a new name: the rest of the old file comes first, its last line too', async () => {
    await writeFile(path, 'a\n')
    await using reader = await reading()
    await reader.until(1)
    await appendFile(path, 'b\nc')
    await rename(path, `${path}.1`)
    await writeFile(path, 'd\n')
    expect(await reader.until(4)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('while the writer still has the old file open', async () => {
    await writeFile(path, 'a\n')
    await using reader = await reading()
    await reader.until(1)
    await rename(path, `${path}.1`)
    await writeFile(path, 'new\n')
    for (const line of ['b', 'c', 'd']) {
      await appendFile(`${path}.1`, `${line}\n`)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    expect(await reader.until(5)).toEqual(['a', 'b', 'c', 'd', 'new'])
  })

  it('with no new file yet, which is waited for', async () => {
    await writeFile(path, 'a\n')
    await using reader = await reading()
    await reader.until(1)
    await rename(path, join(root, 'app-20260131.log'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    await appendFile(join(root, 'app-20260131.log'), 'b\n')
    await reader.until(2)
    await writeFile(path, 'c\n')
    expect(await reader.until(3)).toEqual(['a', 'b', 'c'])
  })

  it('by copying and cutting: what was not read yet is read from the copy', async () => {
    await writeFile(path, 'a\n')
    await using reader = await reading()
    await reader.until(1)
    await reader.stop()
    // While the reader has the file open and is not looking: it is held back by whoever reads its batches.
    await using source = await open()
    const iterator = source.read(undefined, never, never)[Symbol.asyncIterator]()
    expect((await iterator.next()).value.size).toBe(1)
    await appendFile(path, 'b\n')
    await copyFile(path, `${path}.1`)
    await truncate(path)
    await appendFile(path, 'c\n')
    const second = (await iterator.next()).value as Batch
    const third = (await iterator.next()).value as Batch
    expect([text(second, 0), text(third, 0)]).toEqual(['b', 'c'])
    await iterator.return?.()
  })

  it('by cutting alone: it begins anew, also when the file has grown beyond where it was', async () => {
    await writeFile(path, 'a\nb\n')
    await using source = await open()
    const iterator = source.read(undefined, never, never)[Symbol.asyncIterator]()
    expect((await iterator.next()).value.size).toBe(2)
    await writeFile(path, 'c\n')
    expect(text((await iterator.next()).value as Batch, 0)).toBe('c')
    await writeFile(path, 'dd\nee\nff\n')
    expect((await iterator.next()).value.size).toBe(3)
    expect(warnings).toHaveLength(2)
    await iterator.return?.()
  })

  it('while Hermes did not run, several times: all of it is read, in order', async () => {
    await writeFile(path, 'a\n')
    const first = await reading()
    await first.until(1)
    const position = await first.stop()
    await appendFile(path, 'b\n')
    const old = [new Date(1_700_000_000_000), new Date(1_700_000_100_000)] as const
    await rename(path, `${path}.2`)
    await utimes(`${path}.2`, old[0], old[0])
    await writeFile(`${path}.1`, 'c\nd')
    await utimes(`${path}.1`, old[1], old[1])
    await writeFile(`${path}.3`, 'before everything\n')
    await utimes(`${path}.3`, new Date(1_600_000_000_000), new Date(1_600_000_000_000))
    await writeFile(`${path}.4.gz`, 'compressed')
    await writeFile(`${path}.swp`, 'no rotation')
    await writeFile(path, 'e\n')
    expect(await whole(position)).toEqual(['b', 'c', 'd', 'e'])
    await using reader = await reading(position)
    expect(await reader.until(4)).toEqual(['b', 'c', 'd', 'e'])
    expect(warnings).toEqual([])
  })

  it('while Hermes did not run, and nothing has its name yet: what was rotated is read all the same', async () => {
    await writeFile(path, 'a\n')
    const first = await reading()
    await first.until(1)
    const position = await first.stop()
    await rename(path, `${path}.1`)
    await writeFile(path, 'b\nc\n')
    await rename(path, `${path}.2`)
    await using reader = await reading(position)
    expect(await reader.until(2)).toEqual(['b', 'c'])
    await writeFile(path, 'd\n')
    expect(await reader.until(3)).toEqual(['b', 'c', 'd'])
    expect(warnings).toEqual([])
  })

  it('of a file that is gone: the new one is read from its beginning, and a warning says so', async () => {
    await writeFile(path, 'a\nb\n')
    const first = await reading()
    await first.until(2)
    const position = await first.stop()
    await writeFile(`${path}.new`, 'c\nd\ne\n')
    await rename(`${path}.new`, path)
    expect(await whole(position)).toEqual(['c', 'd', 'e'])
    expect(warnings).toHaveLength(1)
  })

  it('a file that was cut and written again while Hermes did not run is read from its beginning', async () => {
    await writeFile(path, 'a\nb\n')
    const first = await reading()
    await first.until(2)
    const position = await first.stop()
    await writeFile(path, 'x\ny\nz\n')
    expect(await whole(position)).toEqual(['x', 'y', 'z'])
  })

  it('a copy in the place of the file, as a restored backup is, goes on where it was', async () => {
    await writeFile(path, lines(0, 500))
    const first = await reading()
    await first.until(500)
    const position = await first.stop()
    await copyFile(path, `${path}.new`)
    await rename(`${path}.new`, path)
    await appendFile(path, lines(500, 510))
    expect((await whole(position)).length).toBe(10)
    expect(warnings).toEqual([])
  })

  it('a later file with the inode of an earlier one is another file', async () => {
    await writeFile(path, 'a\nb\n')
    const { ino } = await stat(path)
    const first = await reading()
    await first.until(2)
    const position = (await first.stop()) as { inode: string }
    expect(position.inode).toBe(String(ino))
    await unlink(path)
    await writeFile(path, 'other\nlines\n')
    expect(await whole({ ...position, inode: String((await stat(path)).ino) })).toEqual(['other', 'lines'])
  })

  it('under load loses nothing and doubles nothing', { timeout: 60_000 }, async () => {
    await using reader = await reading()
    let written = 0
    for (let round = 0; round < 8; round++) {
      for (let burst = 0; burst < 10; burst++) {
        await appendFile(path, lines(written, written + 500))
        written += 500
        if (burst % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      await rename(path, `${path}.${8 - round}`)
      await writeFile(path, '')
      // File systems tell files apart that changed in different ticks of their clock.
      await new Promise((resolve) => setTimeout(resolve, round % 3 === 0 ? 300 : 20))
    }
    await expect.poll(() => reader.seen.length, { timeout: 40_000 }).toBe(written)
    expect(reader.seen.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual(
      Array.from({ length: written }, (_, id) => id),
    )
    expect((await readFile(`${path}.8`)).length).toBeGreaterThan(0)
  })
})
