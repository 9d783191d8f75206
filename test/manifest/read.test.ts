import { describe, expect, test } from 'vitest'
import { errorTable } from '../../src/errors.ts'
import { keyOf } from '../../src/manifest/manifest.ts'
import { manifestReader } from '../../src/manifest/read.ts'
import { kinds } from './kinds.ts'
import { sourceText } from './texts.ts'

const read = manifestReader(kinds)

/** Marks the place of a problem in the texts below. */
const mark = '▸'

/** Reads `marked` without its marks and expects a problem at each of them, in this order. */
function expectProblems(marked: string, expected: readonly string[]): void {
  const { problems } = read(marked.replaceAll(mark, ''), 'a.yaml')
  const found = problems.map(({ code, path }) => (path === undefined ? code : `${code} ${path}`))
  expect(found).toEqual(expected)
  expect(problems.map(({ at }) => `${at.line}:${at.column}`)).toEqual(placesIn(marked))
  for (const { code, fix, at } of problems) {
    expect(errorTable).toHaveProperty(code)
    expect(fix).not.toBe('')
    expect(at.file).toBe('a.yaml')
  }
}

function placesIn(marked: string): readonly string[] {
  const parts = marked.split(mark).slice(0, -1)
  return parts.map((_, i) => {
    const lines = parts
      .slice(0, i + 1)
      .join('')
      .split('\n')
    return `${lines.length}:${(lines.at(-1) ?? '').length + 1}`
  })
}

function messagesOf(content: string): string[] {
  return read(content, 'a.yaml').problems.map(({ message }) => message)
}

const head = 'apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: a }\n'
const good = 'schedule: { every: 15m }, file: { path: x }, table: { name: t }'

/** A source that reads a file at `path`, which is YAML. */
function fileSource(path: string): string {
  return `${head}spec:\n  schedule: { every: 1h }\n  file: { path: ${path} }\n  table: { name: t }\n  params: { symbol: A, days: [1] }\n`
}

describe('every problem has its place and code', () => {
  const api = 'apiVersion: hermes/v1\nkind: SourceDefinition\n'
  test.each<[string, string, string[]]>([
    ['a missing brace', `${head}spec: { ${good}\n▸`, ['yaml_syntax']],
    ['bad indentation', 'a: ▸1\n b: 2\n', ['yaml_syntax']],
    ['a tab for indentation', 'a:\n▸\tb: 1\n', ['yaml_syntax']],
    ['a template without quotes in a flow mapping', fileSource('/x/$▸{run.date}'), ['yaml_syntax']],
    ['an unknown tag', 'a: ▸!secret b\n', ['yaml_syntax']],
    ['an alias without anchor', 'a: ▸*b\n', ['yaml_syntax a']],
    ['a key that is a list', '? ▸[a]\n: b\n', ['yaml_syntax']],
    ['a duplicate key', `${head}spec: { ${good} }\n▸kind: SourceDefinition\n`, ['yaml_duplicate_key kind']],
    [
      'two duplicate keys and an unknown field',
      `${head}spec: { ${good}, suspend: true, ▸suspend: false, ▸x: 1 }\n▸kind: Connection\n`,
      ['yaml_duplicate_key spec.suspend', 'unknown_field spec.x', 'yaml_duplicate_key kind'],
    ],
    ['an alias within its own anchor', 'a: &a [▸*a]\n', ['yaml_alias_bomb']],
    ['too many levels', `a: ${'['.repeat(100)}▸${'['.repeat(50)}${']'.repeat(150)}\n`, ['yaml_syntax']],
    [
      'a number that cannot be kept',
      `${head}spec: { ${good}, params: { id: ▸12345678901234567890 } }\n`,
      ['invalid_value spec.params.id'],
    ],
    ['text', '▸just text\n', ['not_a_manifest']],
    ['a list', '# head\n---\n▸- a\n', ['not_a_manifest']],
    ['a mapping of something else', '▸version: 3\nservices: {}\n', ['not_a_manifest']],
    [
      'another apiVersion',
      `apiVersion: ▸hermes/v2\nkind: SourceDefinition\nmetadata: { name: a }\nspec: { ${good}, ▸x: 1 }\n`,
      ['unknown_api_version apiVersion', 'unknown_field spec.x'],
    ],
    ["another program's manifest", 'apiVersion: ▸apps/v1\nkind: Deployment\n', ['unknown_api_version apiVersion']],
    [
      'no apiVersion',
      `▸kind: SourceDefinition\nmetadata: { name: a }\nspec: { ${good} }\n`,
      ['missing_field apiVersion'],
    ],
    ['no kind', '▸apiVersion: hermes/v1\n', ['missing_field kind']],
    ['an unknown kind', 'apiVersion: hermes/v1\nkind: ▸Source\n', ['unknown_kind kind']],
    ['no metadata and no spec', `▸▸${api}`, ['missing_field metadata', 'missing_field spec']],
    ['an unknown field', `${head}spec: { ${good}, ▸labels: {} }\n`, ['unknown_field spec.labels']],
    ['an unknown field at the top', `${head}spec: { ${good} }\n▸status: {}\n`, ['unknown_field status']],
    [
      'a missing field, at its parent',
      `${head}spec:\n  schedule: { every: 1h }\n  ▸file: {}\n  table: { name: t }\n`,
      ['missing_field spec.file.path'],
    ],
    [
      'an empty value',
      `${head}spec:\n  ▸schedule:\n  file: { path: x }\n  table: { name: t }\n`,
      ['invalid_value spec.schedule'],
    ],
    [
      'a duration without unit',
      `${head}spec: { schedule: { every: ▸5 }, file: { path: x }, table: { name: t } }\n`,
      ['invalid_value spec.schedule.every'],
    ],
    [
      'a list item',
      `${head}spec:\n  schedule: { every: 0 }\n  file: { path: x }\n  table:\n    name: t\n    primaryKey:\n      - a\n      - ▸5\n`,
      ['invalid_value spec.table.primaryKey[1]'],
    ],
    ['none of a union', `${head}▸spec: { schedule: { every: 1h }, table: { name: t } }\n`, ['one_of spec']],
    ['two of a union', `${head}spec: { ${good}, ▸http: { path: / } }\n`, ['one_of spec.http']],
    ['a name in capitals', `${api}metadata: { name: ▸A_b }\nspec: { ${good} }\n`, ['invalid_name metadata.name']],
    ['a name that climbs', `${api}metadata: { name: ▸../x }\nspec: { ${good} }\n`, ['invalid_name metadata.name']],
    [
      'a long name',
      `${api}metadata:\n  name: ▸${'a'.repeat(254)}\nspec: { ${good} }\n`,
      ['invalid_name metadata.name'],
    ],
    [
      'a label that is a number',
      `${api}metadata: { name: a, labels: { tier: ▸1 } }\nspec: { ${good} }\n`,
      ['invalid_value metadata.labels.tier'],
    ],
    [
      'a key with dots',
      `${api}metadata: { name: a, labels: { a.b/c: ▸1 } }\nspec: { ${good} }\n`,
      ['invalid_value metadata.labels["a.b/c"]'],
    ],
    ['an expression that does not parse', fileSource('"/${1 +▸}"'), ['expression_syntax spec.file.path']],
    ['an expression without end', fileSource('"/▸${run.date"'), ['expression_syntax spec.file.path']],
    ['an unknown parameter', fileSource('"/x/${params.▸symbl}"'), ['expression_type spec.file.path']],
    [
      'two expressions in a text of several lines',
      `${head}spec:\n  schedule: { every: 1h }\n  file:\n    path: ▸▸>-\n      a$\{nope}\n      $\{1 + "a"}\n  table: { name: t }\n`,
      ['expression_type spec.file.path', 'expression_type spec.file.path'],
    ],
    ['a cursor where nothing is incremental', fileSource('"${▸cursor}"'), ['expression_type spec.file.path']],
    ['a list inside text', fileSource('"a${▸params.days}"'), ['expression_type spec.file.path']],
    [
      'an expression where none may stand',
      `${head}spec: { ${good}, connection: "a▸$\{params.x}" }\n`,
      ['expression_not_allowed spec.connection'],
    ],
    ['a secret where none may stand', fileSource('"x/${▸secrets.A}"'), ['expression_not_allowed spec.file.path']],
    ['bare CEL', `${head}spec: { ${good}, filter: "run.date ==▸" }\n`, ['expression_syntax spec.filter']],
    [
      'a cron expression',
      `${head}spec: { schedule: { ▸cron: "61 * * * *" }, file: { path: x }, table: { name: t } }\n`,
      ['invalid_cron spec.schedule.cron'],
    ],
  ])('%s', (_, marked, expected) => {
    expectProblems(marked, expected)
  })

  test('an alias bomb is refused before it goes off', () => {
    const rows = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)
    const { manifests, problems } = read(`a0: &a0 [x, x]\n${rows.join('\n')}\n`, 'a.yaml')
    expect(manifests).toEqual([])
    expect(problems).toMatchObject([{ code: 'yaml_alias_bomb' }])
  })

  test('all problems of a file are reported, the good documents beside them are read', () => {
    const bad = sourceText('two', '  ▸suspnd: true\n  deletionPolicy: ▸keep\n')
    const marked = `${sourceText('one')}---\n${bad}---\n▸a: 5\n---\n${sourceText('three')}---\nb: ▸!x 1\n`
    expectProblems(marked, [
      'unknown_field spec.suspnd',
      'invalid_value spec.deletionPolicy',
      'not_a_manifest',
      'yaml_syntax',
    ])
    const { manifests } = read(marked.replaceAll(mark, ''), 'a.yaml')
    expect(manifests.map(keyOf)).toEqual(['SourceDefinition/one', 'SourceDefinition/three'])
  })
})

describe('messages are in plain words', () => {
  test.each<[string, string, string]>([
    [
      'did you mean, for a field',
      `${head}spec: { ${good}, suspnd: true }\n`,
      'spec.suspnd is not known here; did you mean suspend?',
    ],
    [
      'did you mean, for a kind',
      'apiVersion: hermes/v1\nkind: Conection\n',
      'the kind Conection is not known; did you mean Connection?',
    ],
    [
      'did you mean, for a value',
      `${head}spec: { ${good}, deletionPolicy: orphn }\n`,
      'spec.deletionPolicy must be one of delete, orphan, not "orphn"; did you mean orphan?',
    ],
    ['a type', `${head}spec: { ${good}, connection: 5 }\n`, 'spec.connection must be text, not 5 (put it in quotes)'],
    [
      'a duration',
      `${head}spec: { schedule: { every: 5 minutes }, file: { path: x }, table: { name: t } }\n`,
      'spec.schedule.every must be a duration such as 30s, 15m, 1h or 2d, not "5 minutes"',
    ],
    [
      'a union',
      `${head}spec: { schedule: { every: 1h }, table: { name: t } }\n`,
      'spec needs exactly one of http or file; none is given',
    ],
    [
      'a parameter',
      `${head}spec: { schedule: { every: 1h }, file: { path: "$\{params.symbl}" }, table: { name: t }, params: { symbol: A } }\n`,
      'spec.file.path: params.symbl is not known here; did you mean params.symbol?',
    ],
  ])('%s', (_, text, expected) => {
    expect(messagesOf(text)).toEqual([expected])
  })

  test('of alternatives, the one that was evidently meant is explained', () => {
    const text =
      'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: a }\nspec:\n  http: { url: "http://x", auth: { bearer: abc, ▸x: 1 } }\n'
    expectProblems(text, ['unknown_field spec.http.auth.x'])
    const other =
      'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: a }\nspec:\n  http: { url: "http://x", auth: basic }\n'
    expect(messagesOf(other)).toEqual(['spec.http.auth must be "none" or a mapping, not "basic"'])
  })

  test('the value of a field that may hold a secret is not repeated', () => {
    const text =
      'apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: a }\nspec:\n  http: { url: "http://x", auth: { bearer: 4711 } }\n'
    expect(messagesOf(text)).toEqual(['spec.http.auth.bearer must be text'])
  })
})

describe('files that are no text', () => {
  test.each<[string, Uint8Array, string]>([
    ['a picture', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]), 'file_not_text'],
    ['UTF-16', Buffer.from('apiVersion: hermes/v1', 'utf16le'), 'file_not_text'],
    ['Latin-1', Buffer.from('name: Zürich', 'latin1'), 'file_not_text'],
    ['ten megabytes', Buffer.alloc(10_000_000, 'a: b\n'), 'file_too_large'],
  ])('%s', (_, bytes, code) => {
    const startedAt = performance.now()
    expect(read(bytes, 'x.yaml')).toMatchObject({
      manifests: [],
      problems: [{ code, at: { file: 'x.yaml', line: 1, column: 1 } }],
    })
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test('hostile text ends in problems, not in a crash', () => {
    for (const text of [
      '['.repeat(100_000),
      '{a: '.repeat(50_000),
      '- '.repeat(50_000),
      '"'.repeat(20_001),
      '&a '.repeat(20_000),
    ]) {
      const { manifests, problems } = read(text, 'a.yaml')
      expect(manifests).toEqual([])
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.length).toBeLessThanOrEqual(201)
    }
  })

  test('many keys cost no more than their number', () => {
    const before = process.threadCpuUsage()
    read(Array.from({ length: 50_000 }, (_, i) => `a${i}: 1`).join('\n'), 'a.yaml')
    const { user, system } = process.threadCpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(3_000)
  })

  test('a field called __proto__ is a field like any other', () => {
    expectProblems(`${head}spec: { ${good}, ▸__proto__: { a: 1 } }\n`, ['unknown_field spec.__proto__'])
  })
})

describe('what is fine', () => {
  test.each<[string, string, number]>([
    ['nothing', '', 0],
    ['comments', '# nothing here\n', 0],
    ['empty documents', '---\n---\n# none\n---\n', 0],
    [
      'JSON',
      JSON.stringify({
        apiVersion: 'hermes/v1',
        kind: 'SourceDefinition',
        metadata: { name: 'a' },
        spec: { schedule: { every: '1h' }, file: { path: 'x' }, table: { name: 't' } },
      }),
      1,
    ],
    ['a byte order mark and CRLF', `\uFEFF${sourceText('a').replaceAll('\n', '\r\n')}`, 1],
    ['documents with ends', `${sourceText('a')}...\n# between\n---\n${sourceText('b')}`, 2],
    ['every: 0', sourceText('a').replace('15m', '0'), 1],
    [
      'an anchor used twice, with other defaults at each place',
      `${head}spec:\n  schedule: &x { every: 1h }\n  file: { path: x }\n  table: { name: t }\n  params: *x\n`,
      1,
    ],
    ['a literal ${ by $${', sourceText('a', '  params: { note: "$${x}" }\n'), 1],
  ])('%s', (_, text, count) => {
    const result = read(text, 'a.yaml')
    expect(result.problems).toEqual([])
    expect(result.manifests).toHaveLength(count)
  })
})

describe('a manifest', () => {
  const [manifest] = read(
    `# head\n---\n# lead\n${sourceText('a', '  params:\n    symbol: AAPL\n')}`,
    'dir/a.yaml',
  ).manifests

  test('knows its place and the places of its fields', () => {
    expect(manifest?.at).toEqual({ file: 'dir/a.yaml', line: 4, column: 1 })
    expect(manifest?.locate('spec.params.symbol')).toEqual({ file: 'dir/a.yaml', line: 12, column: 5 })
    expect(manifest?.locate('metadata.name')).toEqual({ file: 'dir/a.yaml', line: 6, column: 13 })
    expect(manifest?.locate('spec.table.columns.x')).toEqual({ file: 'dir/a.yaml', line: 10, column: 3 })
  })

  test('has its defaults filled in, and the same hash when they are written out', () => {
    expect(manifest?.spec).toMatchObject({ deletionPolicy: 'delete', suspend: false, table: { write: 'merge' } })
    const hashes = [
      sourceText('a'),
      sourceText('a', '  suspend: false\n  deletionPolicy: delete\n'),
      `# other place\n---\n${sourceText('a').replace('{ every: 15m }', '{ "every": "15m" }')}`,
      sourceText('a').replace('{ name: a }', '{ name: a, labels: { x: y } }'),
    ].map((text) => read(text, 'b.yaml').manifests[0]?.hash)
    expect(new Set(hashes).size).toBe(1)
    expect(read(sourceText('a', '  suspend: true\n'), 'b.yaml').manifests[0]?.hash).not.toBe(hashes[0])
    expect(read(sourceText('b'), 'b.yaml').manifests[0]?.hash).not.toBe(hashes[0])
  })
})
