import { describe, expect, test } from 'vitest'
import type { ListFile } from '../../src/manifest/list.ts'
import { definition, problemsOf, read, readFrom, valuesOf, withValue } from './definitions.ts'

const gone: ListFile = { missing: 'does not exist' }

describe('a list in a file', () => {
  test('in CSV gives an element for each row, with the columns as fields', async () => {
    const csv = '\uFEFFsymbol, full name\nAAPL,"Apple, Inc."\n\n BRK.B , "Berkshire ""B""" \n'
    const path = '  file: { path: "/${each.symbol}/${each[\'full name\']}" }\n'
    const result = await readFrom('list.csv', csv, path)
    expect(result.problems).toEqual([])
    expect(result.lists).toEqual(['dir/list.csv'])
    expect(result.manifests.map(({ name, spec }) => [name, Object(spec).file as unknown])).toEqual([
      ['quotes-aapl', { path: '/AAPL/Apple, Inc.' }],
      ['quotes-brk.b', { path: '/BRK.B/Berkshire "B"' }],
    ])
    expect(result.manifests[0]?.generated?.list).toBe('dir/list.csv')
  })

  test.each([
    ['l.csv', 'symbol,note\nA,"one\ntwo\n\nfour"\n\n\nB,x\nC,"\ny"\nD,\n', [2, 8, 9, 11]],
    ['l.csv', 'symbol\r\nA\r\n"B"\r\n', [2, 3]],
    ['l.json', '[{ "symbol": "A\\u005b,[\\"" },\n\n  {\n "symbol": "B" }, { "symbol": "C" }\n]', [1, 3, 4]],
    ['l.yaml', '# all\n- symbol: A\n\n- symbol: B\n', [2, 4]],
  ])('tells where each element begins: %s %j', async (file, text, lines) => {
    const { manifests, problems } = await readFrom(file, text, '  file: { path: "/${each.symbol}" }\n')
    expect(problems).toEqual([])
    expect(manifests.map(({ generated }) => generated?.at.line)).toEqual(lines)
  })

  test('a row that spans lines and is wrong has its problem where it begins', async () => {
    const result = await readFrom('l.csv', 'symbol,b\nA,"x\ny",z\nB,b\n')
    expect(problemsOf(result)).toEqual(['dir/l.csv:2:1 list_invalid'])
  })

  test('may have columns with the names of everything', async () => {
    const expression = '${each["__proto__"]} ${each.hasOwnProperty} ${each.toString} ${each["size"]}'
    const csv = '__proto__,hasOwnProperty,toString,size\na,b,c,d\n'
    expect(valuesOf(await readFrom('list.csv', csv, withValue(expression)))).toEqual(['a b c d'])
  })

  test.each([
    ['json', '[{ "symbol": "AAPL", "n": 1.50 }, { "symbol": "MSFT", "n": 12345678901234567890 }]'],
    ['yaml', '# all of them\n- { symbol: AAPL, n: 1.50 }\n- { symbol: MSFT, n: 12345678901234567890 }\n'],
  ])('in %s says the same', async (ending, text) => {
    const result = await readFrom(`list.${ending}`, text, withValue('${each.symbol} ${each.n}'))
    expect(valuesOf(result)).toEqual(['AAPL 1.50', 'MSFT 12345678901234567890'])
  })

  test('may have bare values', async () => {
    expect(valuesOf(await readFrom('l.json', '["a", 2, true]', withValue('${each.value}')))).toEqual(['a', '2', 'true'])
  })

  test('that has a header and no rows, or is an empty list, declares nothing on purpose', async () => {
    for (const [file, text] of [
      ['l.csv', 'symbol\n'],
      ['l.json', '[]'],
      ['l.yaml', '[]\n'],
    ] as const) {
      expect(await readFrom(file, text)).toMatchObject({ manifests: [], problems: [], lists: [`dir/${file}`] })
    }
    const { problems } = await readFrom('l.csv', 'symbol\n', '  file: { path: "${each.symbl}" }\n')
    expect(problems).toMatchObject([{ code: 'expression_type' }])
  })

  test.each<[string, string, string, string[]]>([
    ['an empty file', 'l.csv', '', ['dir/l.csv:1:1 list_invalid']],
    ['a column without a name', 'l.csv', 'symbol,\nA,\n', ['dir/l.csv:1:1 list_invalid']],
    ['a column twice', 'l.csv', 'symbol,symbol\n', ['dir/l.csv:1:1 list_invalid']],
    [
      'rows of other lengths',
      'l.csv',
      'symbol,b\nA\nB,b\nC,c,c\n',
      ['dir/l.csv:2:1 list_invalid', 'dir/l.csv:4:1 list_invalid'],
    ],
    ['a quote without end', 'l.csv', 'symbol\nA\n"B\n', ['dir/l.csv:3:1 list_invalid']],
    ['a name twice', 'l.csv', 'symbol\nA\nB\na\n', ['dir/l.csv:4:1 duplicate_name']],
    ['bytes that are no text', 'l.csv', 'symbol\n\0\n', ['dir/l.csv:1:1 file_not_text']],
    ['JSON that ends too early', 'l.json', '["a",\n', ['dir/l.json:2:1 yaml_syntax']],
    ['null', 'l.json', '[\n  { "symbol": null }\n]', ['dir/l.json:2:15 list_invalid']],
    ['no list', 'l.yaml', 'symbol: a\n', ['dir/l.yaml:1:1 list_invalid']],
    ['a manifest', 'l.yaml', definition('{ symbol: [A] }'), ['dir/l.yaml:1:1 list_invalid']],
    ['several documents', 'l.yaml', '[a]\n---\n[b]\n', ['dir/l.yaml:1:1 list_invalid']],
    ['a name twice in YAML', 'l.yaml', '- { symbol: a }\n- { symbol: A }\n', ['dir/l.yaml:2:3 duplicate_name']],
  ])('has its problems at its own places: %s', async (_, file, text, expected) => {
    const result = await readFrom(file, text)
    expect(problemsOf(result)).toEqual(expected)
    for (const { manifest, fix } of result.problems)
      expect([manifest, fix]).toEqual(['dir/a.yaml', expect.stringMatching(/./)])
    expect(result.manifests).toEqual([])
    expect(result.lists).toEqual([`dir/${file}`])
  })

  test('of more than 1 MB or ten thousand elements is refused', async () => {
    const large = await readFrom('l.csv', `symbol\n${'a'.repeat(1_000_000)}\n`)
    expect(large.problems).toMatchObject([{ code: 'file_too_large', at: { file: 'dir/l.csv' } }])
    const rows = Array.from({ length: 10_001 }, (_, index) => `s${index}\n`).join('')
    expect(problemsOf(await readFrom('l.csv', `symbol\n${rows}`))).toEqual(['dir/l.csv:10002:1 list_invalid'])
  })

  test('that is missing is a problem of the manifest, which names it all the same', () => {
    const result = read(definition('{ from: ../b/l.csv }'), 'dir/a.yaml', () => gone)
    expect(problemsOf(result)).toEqual(['5:20 list_unreadable'])
    expect(result.problems[0]?.message).toBe('spec.forEach.from: b/l.csv does not exist')
    expect(result).toMatchObject({ manifests: [], lists: ['b/l.csv'] })
  })

  test.each([
    '/etc/l.csv',
    '../../l.csv',
    'C:/l.csv',
    '"a\\\\l.csv"',
    '.l.csv',
    '.hidden/l.csv',
    'l.txt',
    '"a\\nl.csv"',
  ])('is looked for below the manifests only, and by names that are read there: %s', (from) => {
    const asked: string[] = []
    const result = read(definition(`{ from: ${from} }`), 'dir/a.yaml', (file) => void asked.push(file))
    expect(problemsOf(result)).toEqual(['5:20 invalid_value'])
    expect([asked, result.lists]).toEqual([[], []])
  })
})
