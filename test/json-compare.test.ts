import { assert, jsonValue, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameJson, jsonDifferences } from '../src/json-compare.ts'
import { parseLossless } from '../src/lossless-json.ts'

/** Differences between two texts of JSON as `path: expected → actual`; a side that is not there is empty. */
function differences(expected: string, actual: string, partial = false): string[] {
  return jsonDifferences(parseLossless(expected), parseLossless(actual), { partial }).map(({ path, ...sides }) => {
    const shown = (side: 'expected' | 'actual'): string => (side in sides ? JSON.stringify(sides[side]) : '')
    return `${path.join('.')}: ${shown('expected')} → ${shown('actual')}`
  })
}

describe('the differences of two JSON values', () => {
  it.each<[string, string, string[]]>([
    ['{"a":1,"b":2}', '{"b":2,"a":1}', []],
    ['{"a":null}', '{}', ['a: null → ']],
    ['{}', '{"a":null}', ['a:  → null']],
    ['{"a":null}', '{"a":0}', ['a: null → 0']],
    ['{"a":{"b":[1,2]}}', '{"a":{"b":[1,3]}}', ['a.b.1: 2 → 3']],
    ['[1,2,3]', '[1,2]', ['2: 3 → ']],
    ['[1]', '[1,{"x":2}]', ['1:  → {"x":2}']],
    ['1.10', '1.1', []],
    ['1e2', '100', []],
    ['-0', '0', []],
    ['12345678901234567890', '12345678901234567891', [': 12345678901234567890 → 12345678901234567891']],
    ['0.1000000000000000055', '0.1', [': 0.1000000000000000055 → 0.1']],
    ['12345678901234567890.0', '12345678901234567890', []],
    ['1', '"1"', [': 1 → "1"']],
    ['[]', '{}', [': [] → {}']],
    ['{"__proto__":1}', '{}', ['__proto__: 1 → ']],
    ['{"toString":1}', '{}', ['toString: 1 → ']],
    ['{"rawJSON":"1"}', '1', [': {"rawJSON":"1"} → 1']],
  ])('%s is not %s', (expected, actual, found) => expect(differences(expected, actual)).toEqual(found))

  it.each<[string, string, string[]]>([
    ['{"a":1}', '{"a":1,"b":2}', []],
    ['{"a":{"x":1}}', '{"a":{"x":1,"y":2},"b":3}', []],
    ['{"a":[{"x":1}]}', '{"a":[{"x":1,"y":2}]}', []],
    ['{"a":[1]}', '{"a":[1,2]}', ['a.1:  → 2']],
    ['{"a":1}', '{"b":1}', ['a: 1 → ']],
  ])('in part, %s is in %s', (expected, actual, found) => expect(differences(expected, actual, true)).toEqual(found))

  it('are none between a value and itself, and are there both ways or not at all', () => {
    assert(
      property(jsonValue(), jsonValue(), (one, other) => {
        expect(isSameJson(one, structuredClone(one))).toBe(true)
        expect(isSameJson(one, other)).toBe(isSameJson(other, one))
      }),
    )
  })
})
