import { describe, expect, test } from 'vitest'
import type { HermesError } from '../../src/errors.ts'
import { compileExpression } from '../../src/manifest/expression.ts'
import { runVariables, scopeOf } from '../../src/manifest/scope.ts'
import { compileTemplate, hasExpression, tryTemplate } from '../../src/manifest/template.ts'
import { checkTemplates, referencesIn, resolveTemplates } from '../../src/manifest/templates.ts'
import { connection, sourceDefinition } from './kinds.ts'

const params = { symbol: 'AAPL', page: 3, rate: 0.5, days: [1, 2], 'my-key': 'k', big: { id: 7 }, on: true }
const scope = scopeOf({ params, incremental: true })
const variables = {
  params,
  cursor: '2026-01-01',
  run: runVariables(Date.UTC(2026, 0, 31, 12)),
  secrets: { get: (name: string) => `<${name}>` },
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as HermesError).code
  }
  return 'none'
}

describe('templates', () => {
  test.each<[string, unknown]>([
    ['/x/${params.symbol}', '/x/AAPL'],
    ['${params.symbol}', 'AAPL'],
    ['${params.page}', 3],
    ['${params.page + 1}', 4],
    ['p${params.page + 1}/${params.page}', 'p4/3'],
    ['${params.rate * 2.0}', 1],
    ['${params.days}', [1, 2]],
    ['${params.days.map(d, d * 2)}', [2, 4]],
    ['${params}', params],
    ['${params["my-key"]}', 'k'],
    ['${params.big.id}', 7],
    ['${params.on && params.page > 2 ? "yes" : "no"}', 'yes'],
    ['${9007199254740993}', '9007199254740993'],
    ['since=${cursor}', 'since=2026-01-01'],
    ['${run.date}', '2026-01-31'],
    ['${run.startedAt}', '2026-01-31T12:00:00.000Z'],
    ['${string(run.startedAt - duration("1h"))}', '2026-01-31T11:00:00.000Z'],
    ['${run.startedAt.getFullYear()}', 2026],
    ['Bearer ${secrets.TOKEN}', 'Bearer <TOKEN>'],
    ['$${params.symbol} costs $5', '${params.symbol} costs $5'],
    ['${"}" + params.symbol + \'{\'}', '}AAPL{'],
    ['${{"a": params.page}.a}', 3],
    ['${r"\\}"}', '\\}'],
    ['', ''],
    ['$', '$'],
  ])('%s', (text, expected) => {
    expect(compileTemplate(text, scope).evaluate(variables)).toEqual(expected)
  })

  test.each<[string, string, number]>([
    ['a${params.symbl}', 'expression_type', 10],
    ['a${parms.symbol}', 'expression_type', 3],
    ['${params.symbol + 1}', 'expression_type', 2],
    ['${nosuch(1)}', 'expression_type', 2],
    ['a${params.days}', 'expression_type', 3],
    ['a${null}', 'expression_type', 3],
    ['${secrets.token}', 'expression_type', 2],
    ['${secrets}', 'expression_type', 2],
    ['${secrets[params.symbol]}', 'expression_type', 2],
    ['${1 +}', 'expression_syntax', 5],
    ['${}', 'expression_syntax', 2],
    ['x ${params.symbol', 'expression_syntax', 2],
    ['${"}', 'expression_syntax', 2],
  ])('%s is refused', (text, code, offset) => {
    expect(tryTemplate(text, scope).faults).toMatchObject([{ code, offset }])
    expect(codeOf(() => compileTemplate(text, scope))).toBe(code)
  })

  test('every fault of a text is found', () => {
    expect(tryTemplate('${a}${params.page}${1 +}', scope).faults.map(({ code }) => code)).toEqual([
      'expression_type',
      'expression_syntax',
    ])
  })

  test('without parameters and cursor, none are known', () => {
    expect(tryTemplate('${params.a}', scopeOf({})).faults).toMatchObject([{ message: 'params.a is not known here' }])
    expect(tryTemplate('${cursor}', scopeOf({})).faults).toHaveLength(1)
  })

  test('a fault at run time names the expression, but no secret', () => {
    expect(codeOf(() => compileTemplate('${params.days[5]}', scope).evaluate(variables))).toBe('expression_type')
    const secret = compileTemplate('${int(secrets.TOKEN)}', scope)
    expect(() => secret.evaluate(variables)).toThrow(/^int\(secrets\.TOKEN\) cannot be evaluated$/)
  })

  test('a field called constructor is one like any other', () => {
    const car = { constructor: 'Ferrari', points: 5 }
    expect(compileExpression('params.points', { params: 'dyn' }).evaluate({ params: car })).toBe(5)
    expect(compileExpression('params', { params: 'dyn' }).evaluate({ params: car })).toEqual(car)
  })

  test('references', () => {
    expect(compileTemplate('${params.symbol}/${cursor}/${secrets.A}/${params.big.id}', scope).references).toEqual([
      'params.symbol',
      'cursor',
      'secrets.A',
      'params.big.id',
    ])
    expect(compileExpression('params.days.exists(d, d == params.page)', scope).references).toEqual([
      'params.days',
      'params.page',
    ])
  })

  test('hasExpression', () => {
    expect([hasExpression('a'), hasExpression('$${a}'), hasExpression('${a}')]).toEqual([false, false, true])
  })
})

describe('a spec as its schema annotates it', () => {
  const spec = {
    http: {
      path: '/${params.symbol}',
      query: { since: '${cursor}', literal: '$${x}' },
      headers: { Authorization: 'Bearer ${secrets.TOKEN}' },
      body: { deep: [{ page: '${params.page}', note: 'p ${params.page}' }] },
      records: 'data',
    },
    filter: 'params.page > 1',
  }

  test('resolves into a copy', () => {
    const before = structuredClone(spec)
    expect(resolveTemplates(spec, sourceDefinition.spec, variables)).toEqual({
      http: {
        path: '/AAPL',
        query: { since: '2026-01-01', literal: '${x}' },
        headers: { Authorization: 'Bearer <TOKEN>' },
        body: { deep: [{ page: 3, note: 'p 3' }] },
        records: 'data',
      },
      filter: 'params.page > 1',
    })
    expect(spec).toEqual(before)
  })

  test('tells what it reads', () => {
    expect(checkTemplates(spec, sourceDefinition.spec, scope)).toEqual([])
    expect(referencesIn(spec, sourceDefinition.spec, scope)).toEqual([
      'cursor',
      'params.page',
      'params.symbol',
      'secrets.TOKEN',
    ])
  })

  test('finds annotations behind alternatives and references', () => {
    const auth = { http: { url: 'http://x', auth: { apiKey: { query: 'k', value: '${secrets.KEY}' } } } }
    expect(checkTemplates(auth, connection.spec, {})).toEqual([])
    expect(resolveTemplates(auth, connection.spec, variables).http.auth.apiKey.value).toBe('<KEY>')
    const wrong = { http: { url: '${secrets.KEY}' }, table: { name: '${params.page}' } }
    const faults = checkTemplates(wrong, sourceDefinition.spec, scope)
    expect(faults).toMatchObject([
      { code: 'expression_not_allowed', path: ['http', 'url'] },
      { code: 'expression_not_allowed', path: ['table', 'name'] },
    ])
  })

  test('a spec of any shape is walked', () => {
    for (const shape of [null, 5, 'x', [], { http: 5 }, { http: [] }, { table: null }]) {
      expect(checkTemplates(shape, sourceDefinition.spec, scope)).toEqual([])
    }
  })
})
