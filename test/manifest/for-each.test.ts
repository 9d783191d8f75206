import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { publishedSchema } from '../../src/manifest/schema.ts'
import { resolveTemplates } from '../../src/manifest/templates.ts'
import { definition, namesOf, problemsOf, read, readFrom, valuesOf, withValue } from './definitions.ts'
import { sourceDefinition } from './kinds.ts'

describe('a list in the manifest', () => {
  test('gives one resource for each element, at the place of the definition', () => {
    const result = read(`# first\n${definition('{ symbol: [AAPL, MSFT] }')}`, 'dir/a.yaml')
    expect(result.problems).toEqual([])
    expect(result.lists).toEqual([])
    expect(namesOf(result)).toEqual(['quotes-aapl', 'quotes-msft'])
    const [first] = result.manifests
    expect(first).toMatchObject({
      kind: 'SourceDefinition',
      labels: { provider: 'fmp' },
      at: { file: 'dir/a.yaml', line: 2, column: 1 },
      generated: { by: 'SourceDefinition/quotes', element: 'AAPL' },
      spec: { file: { path: '/AAPL.csv' }, deletionPolicy: 'delete', suspend: false },
    })
    expect(first?.spec).not.toHaveProperty('forEach')
    expect(first?.locate('spec.file.path')).toEqual({ file: 'dir/a.yaml', line: 9, column: 11 })
  })

  test('is as if each resource had been written by hand', () => {
    const [made] = read(definition('{ symbol: [AAPL] }'), 'a.yaml').manifests
    const byHand = definition('').replace('name: quotes,', 'name: quotes-aapl,').replace('  forEach: \n', '')
    const [written] = read(byHand.replace('${each.symbol}', 'AAPL'), 'a.yaml').manifests
    expect(made?.hash).toBe(written?.hash)
    expect(made?.spec).toEqual(written?.spec)
  })

  test('an element that comes or goes changes no other, and neither does their order', () => {
    const three = hashesOf('{ symbol: [AAPL, MSFT, GOOG] }')
    expect(new Set(three.values()).size).toBe(3)
    const two = hashesOf('{ items: [{ symbol: GOOG }, { symbol: AAPL }] }')
    for (const [name, hash] of two) expect(hash).toBe(three.get(name))
    expect(two.size).toBe(2)
  })

  test('keeps every element as it is written: numbers, what looks like a number, true and false', () => {
    const list = '{ v: [1.10, 0700, 12345678901234567890, 1e3, TRUE, no, "x y"] }'
    expect(valuesOf(read(definition(list, withValue('${each.v}')), 'a.yaml'))).toEqual([
      '1.10',
      '0700',
      '12345678901234567890',
      '1e3',
      'TRUE',
      'no',
      'x y',
    ])
  })

  test('may have elements with several fields, or without a name for their field', () => {
    const list = '{ items: [{ symbol: AAPL, id: 1 }, { id: 2, symbol: MSFT }] }'
    const several = read(definition(list, withValue('${each.symbol}/${each.id}')), 'a.yaml')
    expect(valuesOf(several)).toEqual(['AAPL/1', 'MSFT/2'])
    expect(several.manifests[0]?.generated?.element).toBe('symbol AAPL, id 1')
    expect(valuesOf(read(definition('{ items: [a, 2] }', withValue('${each.value}')), 'a.yaml'))).toEqual(['a', '2'])
  })

  test('that is empty declares nothing, and nothing is wrong', () => {
    expect(read(definition('{ symbol: [] }'), 'a.yaml')).toMatchObject({ manifests: [], problems: [] })
  })
})

describe('names', () => {
  test.each([
    ['AAPL', 'quotes-aapl'],
    ['BRK.B', 'quotes-brk.b'],
    ['EUR/USD', 'quotes-eur-usd'],
    ['"  Zürich & Bern! "', 'quotes-zurich-bern'],
    ['"-.x.-"', 'quotes-x'],
  ])('of %s is %s', (element, name) => {
    expect(namesOf(read(definition(`{ symbol: [${element}] }`), 'a.yaml'))).toEqual([name])
  })

  test('come from the first field, so that another one may change', () => {
    const list = '{ items: [{ symbol: AAPL, id: 1 }, { symbol: MSFT, id: 1 }] }'
    expect(namesOf(read(definition(list), 'a.yaml'))).toEqual(['quotes-aapl', 'quotes-msft'])
  })

  test('may be given by a template', () => {
    const list =
      '{ items: [{ symbol: AAPL, id: 1 }, { symbol: AAPL, id: 2 }], name: "${each.symbol} daily ${each.id}" }'
    expect(namesOf(read(definition(list), 'a.yaml'))).toEqual(['aapl-daily-1', 'aapl-daily-2'])
  })

  test('that are the same, that are none and that are too long are problems of their elements', () => {
    const long = 'x'.repeat(250)
    const result = read(definition(`{ symbol: [AAPL, aapl, "日本", ok] }`), 'dir/a.yaml')
    expect(problemsOf(result)).toEqual(['5:29 duplicate_name', '5:35 list_invalid'])
    expect(result.problems[0]?.message).toBe('AAPL and aapl are both called SourceDefinition/quotes-aapl')
    expect(result.manifests).toEqual([])
    expect(read(definition(`{ symbol: [""] }`), 'a.yaml').problems).toMatchObject([
      { code: 'list_invalid', message: 'no name can be made of an empty value' },
    ])
    expect(read(definition(`{ symbol: [${long}] }`), 'a.yaml').problems).toMatchObject([{ code: 'invalid_name' }])
    expect(read(definition('{ symbol: [a, b], name: same }'), 'a.yaml').problems).toMatchObject([
      { code: 'duplicate_name' },
    ])
  })
})

describe('${each.…}', () => {
  test('may stand in every text of the spec, templates or not', () => {
    const spec =
      '  file: { path: x }\n  connection: "c-${each.v}"\n  params: { id: "${each.v}", twice: "${each.v}${each.v}" }\n'
    const [made] = read(
      definition('{ v: [a] }', spec).replace('name: quotes }', 'name: "t_${each.v}" }'),
      'a.yaml',
    ).manifests
    expect(made?.spec).toMatchObject({ connection: 'c-a', params: { id: 'a', twice: 'aa' }, table: { name: 't_a' } })
  })

  test('may be part of an expression, and give a number', () => {
    const expressions = ['${int(each.v) + 1}', 'n${int(each.v) + 1}', '${each["v"] + "!"}']
    const values = expressions.map((each) => valuesOf(read(definition('{ v: ["12"] }', withValue(each)), 'a.yaml')))
    expect(values).toEqual([[13], ['n13'], ['12!']])
  })

  test('stands beside other variables, which are left to the run', () => {
    const spec = '  http: { path: "/${each.v}?d=${run.date}&m=${each.v + run.date}" }\n  filter: each.v == run.date\n'
    const [made] = read(definition('{ v: [2026-01-31] }', spec), 'a.yaml').manifests
    expect(made?.spec).toMatchObject({ filter: '"2026-01-31" == run.date' })
    const run = { date: '2026-02-01' }
    const resolved = resolveTemplates(Object(made?.spec).http as object, httpSchema, { run })
    expect(resolved).toMatchObject({ path: '/2026-01-31?d=2026-02-01&m=2026-01-312026-02-01' })
  })

  test.each(['${secrets.TOKEN}', '${run.date}', '$', '$$', '$${', '"', '\\', '{}', "'"])(
    'is never taken for an expression itself: %s',
    async (value) => {
      const spec = '  http: { path: "<${each.v}${run.date}${each.v}{>${each.v + run.date}$${}" }\n'
      const result = await readFrom('l.json', JSON.stringify([{ name: 'a', v: value }]), spec)
      expect(result.problems).toEqual([])
      const [made] = result.manifests
      const resolved = resolveTemplates(Object(made?.spec).http as object, httpSchema, { run: { date: 'D' } })
      expect(resolved).toMatchObject({ path: `<${value}D${value}{>${value}D\${}` })
    },
  )

  test('is never taken for an expression itself, whatever it is', async () => {
    const spec = '  http: { path: "${each.v}${run.date}$${${each.v}${each.v + run.date}${each.v}" }\n'
    const nasty = fc.string({ unit: fc.constantFrom('$', '{', '}', '"', '\\', "'", 'a', '\n') })
    await fc.assert(
      fc.asyncProperty(nasty, async (value) => {
        const { manifests, problems } = await readFrom('l.json', JSON.stringify([{ name: 'a', v: value }]), spec)
        expect(problems).toEqual([])
        const resolved = resolveTemplates(Object(manifests[0]?.spec).http as object, httpSchema, { run: { date: 'D' } })
        expect(resolved).toMatchObject({ path: `${value}D\${${value}${value}D${value}` })
      }),
      { numRuns: 200 },
    )
  })

  test.each<[string, string, string[]]>([
    ['an unknown field', '  file: { path: "/${each.symbl}" }\n', ['8:26 expression_type']],
    [
      'an unknown field where no template may stand',
      '  file: { path: x }\n  connection: "${each.symbl}"\n',
      ['9:23 expression_type'],
    ],
    ['the element as a whole', '  file: { path: "/${each}" }\n', ['8:21 expression_type']],
    [
      'an element by a name that only a run knows',
      '  file: { path: "/${each[run.date]}" }\n',
      ['8:21 expression_type'],
    ],
    [
      'another variable where no template may stand',
      '  file: { path: x }\n  connection: "${each.symbol + run.date}"\n',
      ['9:16 expression_not_allowed'],
    ],
    [
      'an unknown field of the spec',
      '  file: { path: "/${each.symbol}" }\n  nope: "${each.symbol}"\n',
      ['9:3 unknown_field'],
    ],
    ['what no element can mend', '  file: { path: 5 }\n', ['8:17 invalid_value']],
    ['a list of its own elements', '  file: { path: "/${each.symbol.nope}" }\n', ['8:33 expression_type']],
    ['bare CEL', '  file: { path: x }\n  filter: each.symbl == "a"\n', ['9:16 expression_type']],
  ])('is checked, at its place: %s', (_, spec, expected) => {
    expect(problemsOf(read(definition('{ symbol: [AAPL, MSFT] }', spec), 'dir/a.yaml'))).toEqual(expected)
  })

  test('is checked in the name too', () => {
    const text = definition('{ symbol: [AAPL, MSFT], name: "q-${each.symbl}" }')
    expect(problemsOf(read(text, 'dir/a.yaml'))).toEqual(['5:52 expression_type'])
    expect(problemsOf(read(text.replace('each.symbl', 'run.date'), 'dir/a.yaml'))).toEqual([
      '5:45 expression_not_allowed',
    ])
  })

  test('is suggested when it is misspelt', () => {
    const { problems } = read(definition('{ symbol: [A] }', '  file: { path: "${each.symbl}" }\n'), 'a.yaml')
    expect(problems[0]?.message).toContain('did you mean each.symbol?')
  })

  test('is not for metadata, nor for manifests without a list', () => {
    const labelled = definition('{ symbol: [A] }').replace('fmp', '"${each.symbol}"')
    expect(problemsOf(read(labelled, 'dir/a.yaml'))).toEqual(['3:47 expression_not_allowed'])
    const plain = definition('').replace('  forEach: \n', '')
    expect(read(plain, 'a.yaml').problems).toMatchObject([{ code: 'expression_type', path: 'spec.file.path' }])
  })

  test('whose element does not fit is a problem of the field, said once for all of them', () => {
    const text = definition('{ symbol: [ok, No, "n o", fine] }').replace('name: quotes }', 'name: "${each.symbol}" }')
    const { problems, manifests } = read(text, 'dir/a.yaml')
    expect(problems).toMatchObject([{ code: 'invalid_value', path: 'spec.table.name', at: { line: 7, column: 18 } }])
    expect(problems[0]?.message).toContain('(for No and 1 more)')
    expect(manifests).toEqual([])
    const cron = definition('{ c: ["0 6 * * *", "61 * * * *"], name: "n${each.c.size()}" }', '  file: { path: x }\n')
    const wrong = read(cron.replace('every: 1h', 'cron: "${each.c}"'), 'a.yaml').problems
    expect(wrong).toMatchObject([{ code: 'invalid_cron', path: 'spec.schedule.cron' }])
    expect(wrong[0]?.message).toContain('(for 61 * * * *)')
  })

  test('that cannot be worked out for an element is a problem of that element', () => {
    const result = read(definition('{ v: ["1", x] }', withValue('${int(each.v)}')), 'dir/a.yaml')
    expect(problemsOf(result)).toEqual(['5:23 expression_type'])
  })
})

describe('a list that is not right', () => {
  test.each<[string, string, string[]]>([
    ['no list', '{}', ['5:3 one_of']],
    ['a name alone', '{ name: x }', ['5:3 one_of']],
    ['two lists: no product is taken', '{ a: [1], b: [2] }', ['5:22 one_of']],
    ['a list and a file', '{ a: [1], from: x.csv }', ['5:22 one_of']],
    ['no mapping', '[AAPL]', ['5:12 invalid_value']],
    ['text in the place of a list', '{ symbol: AAPL }', ['5:22 invalid_value']],
    ['null', '{ symbol: [a, null] }', ['5:26 invalid_value']],
    ['a list in a list', '{ symbol: [[a]] }', ['5:23 invalid_value']],
    ['fields that not all have', '{ items: [{ a: 1, b: 2 }, { a: 1 }] }', ['5:38 list_invalid']],
    ['fields that the first has not', '{ items: [{ a: 1 }, { a: 1, b: 2 }] }', ['5:43 list_invalid']],
    ['mappings and words', '{ items: [{ a: 1 }, b] }', ['5:32 list_invalid']],
    ['a field that no expression can name', '{ "a b": [1] }', ['5:14 invalid_value']],
  ])('%s', (_, list, expected) => {
    const result = read(definition(list, '  file: { path: x }\n'), 'dir/a.yaml')
    expect(problemsOf(result)).toEqual(expected)
    expect(result.manifests).toEqual([])
  })

  test('ten thousand elements are enough', () => {
    const all = Array.from({ length: 10_001 }, (_, index) => `s${index}`)
    const most = `{ s: [${all.slice(1).join(',')}] }`
    expect(read(definition(most, withValue('${each.s}')), 'a.yaml').manifests).toHaveLength(10_000)
    expect(read(definition(`{ s: [${all.join(',')}] }`, withValue('${each.s}')), 'a.yaml').problems).toMatchObject([
      { code: 'invalid_value', path: 'spec.forEach.s' },
    ])
  })

  test('leaves other documents of the file alone', () => {
    const good = definition('{ symbol: [A] }').replace('quotes,', 'good,')
    const result = read(`${definition('{ a: 1 }')}---\n${good}`, 'a.yaml')
    expect(namesOf(result)).toEqual(['good-a'])
    expect(result.problems.length).toBeGreaterThan(0)
  })
})

/** A document as an editor sees it, with this name of a table. */
function edited(table: string, forEach: object): object {
  return {
    apiVersion: 'hermes/v1',
    kind: 'SourceDefinition',
    metadata: { name: 'a' },
    spec: { forEach, schedule: { every: '${each.every}' }, file: { path: 'x' }, table: { name: table } },
  }
}

test('editors accept what has ${each.…} where a pattern stands, and refuse what they refused before', () => {
  const accepts = new Ajv2020({ strict: false }).compile(publishedSchema(sourceDefinition))
  expect(accepts(edited('t_${each.symbol}', { symbol: ['a', 1] }))).toBe(true)
  expect(accepts(edited('t', { items: [{ a: 1 }], name: 'x' }))).toBe(true)
  expect(accepts(edited('T', { from: 'l.csv' }))).toBe(false)
  expect(accepts(edited('t', { symbol: 'a' }))).toBe(false)
})

function hashesOf(forEach: string): ReadonlyMap<string, string> {
  return new Map(read(definition(forEach), 'a.yaml').manifests.map(({ name, hash }) => [name, hash]))
}

const httpSchema = (sourceDefinition.spec as { properties: { http: Record<string, unknown> } }).properties.http
