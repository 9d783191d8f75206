import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../src/connectors/http-problem.ts'
import { jsonPathPattern, lookUp, parseJsonPath, putAt } from '../../src/connectors/json-path.ts'
import { maskOf } from '../../src/connectors/masking.ts'
import { csvValue } from '../../src/connectors/sources/csv-value.ts'
import { incrementalValue } from '../../src/connectors/sources/http-incremental.ts'
import { nextLink } from '../../src/connectors/sources/link-header.ts'
import { Repetition } from '../../src/connectors/sources/repetition.ts'

describe('a JSON path', () => {
  const paths: [text: string, steps: unknown[]][] = [
    ['', []],
    ['$', []],
    ['a', ['a']],
    ['$.a.b', ['a', 'b']],
    ['a b.c-d', ['a b', 'c-d']],
    ['["a.b"].c[0][-1]', ['a.b', 'c', 0, -1]],
    ['["q\\"\\\\"]', ['q"\\']],
    ['$values', ['$values']],
  ]
  it.each(paths)('%j', (text, steps) => {
    expect(parseJsonPath(text)).toEqual(steps)
    expect(new RegExp(jsonPathPattern).test(text)).toBe(true)
  })

  it.each(['a..b', '.', 'a.', 'a[', 'a[x]', 'a["b]', ' a', 'a]'])('is not %j', (text) => {
    expect(() => parseJsonPath(text)).toThrow('is not a path')
  })

  it('finds only what is there itself', () => {
    expect(lookUp({ a: [1, { b: 2 }] }, ['a', -1, 'b'])).toBe(2)
    expect(lookUp({ a: 1 }, ['toString'])).toBeUndefined()
    expect(lookUp('text', ['length'])).toBeUndefined()
    expect(lookUp([1], ['0'])).toBeUndefined()
  })

  it('puts a leaf into a copy', () => {
    const root = { a: { b: 1 }, c: [{ d: 1 }] }
    expect(putAt(root, ['a', 'x', 'y'], 2)).toEqual({ a: { b: 1, x: { y: 2 } }, c: [{ d: 1 }] })
    expect(putAt(root, ['c', 0, 'd'], 2)).toEqual({ a: { b: 1 }, c: [{ d: 2 }] })
    expect(root).toEqual({ a: { b: 1 }, c: [{ d: 1 }] })
  })
})

describe('the incremental value', () => {
  const config = { column: 'c', parameter: 'p', in: 'query', format: 'text' } as const
  const cases: [cursor: string | undefined, more: object, expected: string | undefined][] = [
    [undefined, {}, undefined],
    [undefined, { start: 5 }, '5'],
    ['abc', {}, 'abc'],
    ['abc', { lookback: 0 }, 'abc'],
    ['2024-03-01', { lookback: '36h' }, '2024-02-28'],
    ['2024-03-01T00:00:00Z', { lookback: '1s' }, '2024-02-29T23:59:59Z'],
    ['2024-03-01T00:00:00.123456Z', { lookback: '1h' }, '2024-02-29T23:00:00.123456Z'],
    ['2024-03-01 02:00:00.5+02', { lookback: '1h' }, '2024-02-29T23:00:00.500Z'],
    ['12345678901234567890', { lookback: 90 }, '12345678901234567800'],
    ['1700000000', { lookback: '1m' }, '1699999940'],
    ['1700000000000', { lookback: '1m' }, '1699999940000'],
    ['2024-03-01T12:30:00Z', { format: 'date' }, '2024-03-01'],
    ['2024-03-01', { format: 'timestamp' }, '2024-03-01T00:00:00.000Z'],
    ['2024-03-01 00:00:01', { format: 'unix' }, '1709251201'],
    ['2024-03-01', { format: 'unix_ms', lookback: '1d' }, '1709164800000'],
  ]
  it.each(cases)('of %s with %j is %s', (cursor, more, expected) => {
    expect(incrementalValue({ ...config, ...more }, cursor)).toBe(expected)
  })

  const wrong: [string, object][] = [
    ['abc', { lookback: '1d' }],
    ['2024-03-01', { lookback: 3 }],
    ['17', { lookback: '1d' }],
    ['17', { format: 'date' }],
  ]
  it.each(wrong)('of %s with %j is refused', (cursor, more) => {
    expect(() => incrementalValue({ ...config, ...more }, cursor)).toThrow('incremental.')
  })
})

describe('a CSV field', () => {
  const typed: [string, unknown][] = [
    ['0', 0],
    ['-12', -12],
    ['1.50', 1.5],
    ['0.10', 0.1],
    ['100.0', 100],
    ['true', true],
  ]
  it.each(typed)('%s has a type', (text, value) => expect(csvValue(text)).toBe(value))

  it.each(['007', '+1', '1e5', '-0', '-0.0', '.5', '5.', '1,5', 'NaN', '0x10', 'True', '-', '2024-01-01', ' 1', '1 '])(
    '%j stays text',
    (text) => {
      expect(csvValue(text)).toBe(text)
    },
  )

  it.each(['12345678901234567890', '0.1234567890123456789', '0.0000001', '-9007199254740993'])(
    '%s keeps its digits',
    (text) => {
      expect(JSON.stringify(csvValue(text))).toBe(text)
    },
  )
})

describe('a Link header', () => {
  const headers: [header: string | string[] | undefined, expected: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['<https://x/?a=1,2>; rel="next"', 'https://x/?a=1,2'],
    ['</1>; rel=prev, </2>; title="a, <b>; rel=next"; rel="last next"', '/2'],
    ['</1>; REL=Next', '/1'],
    [['</1>; rel="prev"', '</2>; rel="next"'], '/2'],
    ['</1>; rel="nextish"', undefined],
    ['</1>', undefined],
    ['no header at all; rel=next', undefined],
  ]
  it.each(headers)('%j', (header, expected) => expect(nextLink(header)).toBe(expected))
})

describe('small things', () => {
  it('a repetition of any length is found, and none where there is none', () => {
    for (const [before, round] of [
      [0, 1],
      [3, 1],
      [0, 7],
      [50, 13],
    ] as const) {
      const repetition = new Repetition()
      let steps = 0
      while (!repetition.sees(String(steps < before ? steps : before + ((steps - before) % round)))) steps += 1
      expect(steps).toBeLessThanOrEqual(4 * (before + round) + 2)
    }
    const repetition = new Repetition()
    for (let step = 0; step < 5_000; step++) expect(repetition.sees(String(step))).toBe(false)
  })

  it('a mask takes out a secret in every spelling, the longest first', () => {
    const mask = maskOf(['a b+c', 'a b', '', '"q"'])
    expect(mask('x=a b+c y=a%20b%2Bc z=a+b%2Bc {\\"q\\"} a b')).toBe('x=*** y=*** z=*** {***} ***')
    expect(maskOf([''])('nothing')).toBe('nothing')
  })

  it('waits between tries grow, spread, and end at two seconds', () => {
    expect([1, 2, 3, 9].map((attempt) => backoffMs(attempt, 0))).toEqual([250, 500, 1_000, 2_000])
    expect(backoffMs(2, 1)).toBe(250)
  })
})
