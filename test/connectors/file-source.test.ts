import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure } from './clients.ts'
import { batches, never, openSource, records } from './opened.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-file-'))
})
afterAll(() => rm(root, { recursive: true }))

let count = 0

/** Writes one file into a directory of its own and reads it. */
async function read(name: string, content: string | Uint8Array, config: object = {}): Promise<unknown[]> {
  const directory = join(root, String(count++))
  await mkdir(directory)
  await writeFile(join(directory, name), content)
  return records(await openSource('file', { path: join(directory, name), ...config }))
}

/** The code and the message, from the file's name on, of what reading it throws. */
async function refused(name: string, content: string | Uint8Array, config: object = {}): Promise<[string, string]> {
  const { code, message } = await failure(read(name, content, config))
  return [code, message.slice(message.indexOf(name))]
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

describe('CSV', () => {
  const cases: [name: string, text: string, expected: unknown[], config?: object][] = [
    [
      'types',
      'a,b,c\n1,true,x\n-2.50,false,\n',
      [
        { a: 1, b: true, c: 'x' },
        { a: -2.5, b: false, c: null },
      ],
    ],
    [
      'CRLF',
      'a,b\r\n1,2\r\n3,4\r\n',
      [
        { a: 1, b: 2 },
        { a: 3, b: 4 },
      ],
    ],
    ['a BOM, and no end of the last line', '\uFEFFa\n1', [{ a: 1 }]],
    ['quotes', 'a,b\n"x, ""y""","1\n2"\n', [{ a: 'x, "y"', b: '1\n2' }]],
    ['empty lines', 'a\n\n1\n\n', [{ a: 1 }]],
    ['names with spaces and none', ' a ,,c\n1,2,3\n', [{ a: 1, column_2: 2, c: 3 }]],
    ['a header only', 'a,b\n', []],
    ['nothing', '', []],
    [
      'no header',
      '1,x\n2,y\n',
      [
        { column_1: 1, column_2: 'x' },
        { column_1: 2, column_2: 'y' },
      ],
      { csv: { header: false } },
    ],
    ['a delimiter and no quotes', 'a;b\n"x;1\n', [{ a: '"x', b: 1 }], { csv: { delimiter: ';', quote: '' } }],
    ['nulls', 'a,b\nNA,\n', [{ a: null, b: '' }], { csv: { nulls: ['NA'] } }],
    ['names of object properties', 'constructor,a\n1,2\n', [{ constructor: 1, a: 2 }]],
  ]
  it.each(cases)('with %s', async (_name, text, expected, config) => {
    expect(await read('x.csv', text, config)).toEqual(expected)
  })

  it('with tabs', async () => {
    expect(await read('x.tsv', 'a\tb\n1,5\t2\n')).toEqual([{ a: '1,5', b: 2 }])
  })

  it('says what is wrong and in which line', async () => {
    const long = `a\n"${'x'.repeat(5_000)}`
    expect(await refused('x.csv', 'a,b\n1,2\n1,2,3\n')).toEqual([
      'file_source_invalid',
      'x.csv:3: the row has 3 fields where others have 2',
    ])
    expect(await refused('x.csv', 'a,b\n1\n')).toEqual([
      'file_source_invalid',
      'x.csv:2: the row has 1 fields where others have 2',
    ])
    expect(await refused('x.csv', 'a,b\n1,"2\n3,4\n')).toEqual([
      'file_source_invalid',
      'x.csv:3: a quote that was opened here or above is never closed',
    ])
    expect((await refused('x.csv', long, { maxBytes: 1_000 }))[1]).toContain('the row is too long')
    expect(await refused('x.csv', 'a,a\n1,2\n')).toEqual([
      'file_source_invalid',
      'x.csv:1: the column "a" is there twice',
    ])
    expect((await refused('x.csv', 'a\n"1"2\n'))[0]).toBe('file_source_invalid')
  })

  it('of many rows comes in batches, cut wherever the bytes are cut', async () => {
    const rows = Array.from({ length: 60_000 }, (_, id) => ({
      id,
      name: `ñ"${id}`,
      note: id % 7 === 0 ? 'two\nlines' : 'é',
    }))
    const text = rows.map(({ id, name, note }) => `${id},${quoted(name)},${quoted(note)}`).join('\r\n')
    expect(await read('x.csv', `id,name,note\r\n${text}`)).toEqual(rows)
  })
})

describe('JSONL', () => {
  it('is read line by line', async () => {
    const text = '\uFEFF{"a":1}\r\n\n{"a":12345678901234567890}\n{"a":"é"}'
    expect(JSON.stringify(await read('x.jsonl', text))).toBe('[{"a":1},{"a":12345678901234567890},{"a":"é"}]')
    expect(await read('x.ndjson', '')).toEqual([])
  })

  it('says what is wrong and in which line', async () => {
    expect(await refused('x.jsonl', '{"a":1}\n{a}\n')).toEqual([
      'file_source_invalid',
      'x.jsonl:2: the line is not JSON: "{a}"',
    ])
    const [code, half] = await refused('x.jsonl', '{"a":1}\n{"a":')
    expect([code, half.slice(0, 50)]).toEqual([
      'file_source_invalid',
      'x.jsonl:2: the last line has no end and is not JSO',
    ])
    const long = `1\n${'x'.repeat(600_000)}`
    expect((await refused('x.jsonl', long, { maxBytes: 1_000 }))[1]).toBe(
      'x.jsonl:2: the line has more than 1000 bytes',
    )
  })

  it('of many lines comes whole, wherever the bytes are cut', async () => {
    const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, text: 'äöü€'.repeat(id % 9) }))
    expect(await read('x.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'))).toEqual(rows)
  })
})

describe('JSON', () => {
  it('is a list, an object, or what is at a path', async () => {
    expect(await read('x.json', '\uFEFF[{"a":1}]')).toEqual([{ a: 1 }])
    expect(await read('x.json', '{"a":1}')).toEqual([{ a: 1 }])
    expect(await read('x.geojson', '{"features":[{"a":1}]}', { records: 'features' })).toEqual([{ a: 1 }])
    expect(await read('x.txt', '[1]', { format: 'json' })).toEqual([1])
  })

  it('says what is wrong and where', async () => {
    expect((await refused('x.json', '[{"a":1},\n{"a" 1}]'))[1]).toMatch(/^x.json:2: not JSON: /)
    expect((await refused('x.json', '[{"a":1},'))[1]).toContain('it ends in the middle')
    expect((await refused('x.json', ''))[1]).toBe('x.json: it is empty, which is no JSON')
    expect(await refused('x.json', '{"b":[]}', { records: 'a' })).toEqual([
      'records_not_found',
      'x.json: there is no a; the root is an object with b',
    ])
    expect((await refused('x.json', `[${' '.repeat(5_000)}]`, { maxBytes: 1_000 }))[1]).toContain(
      'more than 1000 bytes',
    )
    const lines = await failure(read('x.json', '{"a":1}\n{"a":2}'))
    expect(lines.fix).toContain('format: jsonl')
  })
})

describe('bytes', () => {
  it('are decompressed by extension', async () => {
    expect(await read('x.csv.gz', gzipSync('a\n1\n'))).toEqual([{ a: 1 }])
    expect(await read('x.tsv.gz', gzipSync('a\tb\n1\t2\n'))).toEqual([{ a: 1, b: 2 }])
    expect(await read('x.jsonl.zst', zstdCompressSync('{"a":1}\n'))).toEqual([{ a: 1 }])
  })

  const broken: [name: string, content: Uint8Array, message: RegExp][] = [
    ['x.csv.gz', gzipSync('a\n1\n'.repeat(1_000)).subarray(0, 40), /damaged or incomplete/],
    ['x.csv.gz', Buffer.from('a\n1\n'), /damaged or incomplete/],
    ['x.json.zst', Buffer.from('no zstd'), /damaged or incomplete/],
    ['x.csv', Buffer.from('a\ncaf\xe9\n', 'latin1'), /not UTF-8/],
    ['x.csv', Buffer.from('a\n\xc3', 'latin1'), /not UTF-8/],
    ['x.csv', Buffer.from('\uFEFFa\n1\n', 'utf16le'), /UTF-16/],
    ['x.csv', gzipSync('a\n1\n'), /not UTF-8/],
    ['x.dat', Buffer.from('a'), /its extension names no format/],
  ]
  it.each(broken)('of %s that are broken are refused: %#', async (name, content, message) => {
    const [code, text] = await refused(name, content)
    expect([code, text]).toEqual(['file_source_invalid', expect.stringMatching(message)])
  })

  it('that expand without end are refused before they fill memory', async () => {
    const bomb = gzipSync(Buffer.alloc(64_000_000, 32))
    for (const name of ['x.json.gz', 'x.jsonl.gz']) {
      expect((await refused(name, bomb, { maxBytes: 1_000_000 }))[1]).toContain('more than 1000000 bytes')
    }
  })
})

describe('paths', () => {
  it('with a pattern give the files in order of name, and small ones share a batch', async () => {
    const directory = join(root, 'many')
    await mkdir(join(directory, 'deep'), { recursive: true })
    for (const name of ['b.jsonl', 'a.csv', 'deep/c.json']) {
      await writeFile(join(directory, name), name.endsWith('csv') ? `f\n${name}\n` : JSON.stringify({ f: name }))
    }
    await mkdir(join(directory, 'd.csv'))
    await symlink(join(directory, 'gone'), join(directory, 'e.csv'))
    const all = await openSource('file', { path: `${directory}/**/*.{csv,json,jsonl}` })
    expect((await batches(all)).map((batch) => batch.values())).toEqual([
      [{ f: 'a.csv' }, { f: 'b.jsonl' }, { f: 'deep/c.json' }],
    ])
    const some = await openSource('file', { path: `${directory}/*.jsonl` })
    expect(await records(some)).toEqual([{ f: 'b.jsonl' }])
  })

  it('may have signs of a pattern in a name', async () => {
    expect(await read('x[1].csv', 'a\n1\n')).toEqual([{ a: 1 }])
  })

  it('that lead to nothing, to a directory, or to what may not be read say so', async () => {
    const missing = await failure(records(await openSource('file', { path: join(root, 'no.csv') })))
    expect([missing.code, missing.next]).toEqual(['file_source_missing', 'retry'])
    const none = await openSource('file', { path: join(root, '*.nothing') })
    expect((await failure(none.ping(never))).message).toBe(`no file matches ${root}/*.nothing`)
    expect((await failure(records(await openSource('file', { path: root })))).message).toContain('is a directory')
    const loop = join(root, 'loop.csv')
    await symlink(loop, loop)
    expect((await failure(records(await openSource('file', { path: loop })))).code).toBe('file_unreadable')
    await chmod(root, 0o755)
  })
})
