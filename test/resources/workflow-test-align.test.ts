import { assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { align } from '../../src/resources/workflow-test-align.ts'

/** `a b` for the same, `a/b` for another one, `a-` for missing, `+b` for too much. */
function aligned(expected: string, actual: string): string {
  const isSame = (one: number, other: number): boolean => expected[one] === actual[other]
  return align({ expected: expected.length, actual: actual.length, isSame })
    .map((each) => {
      const one = each.expected === undefined ? '' : expected[each.expected]
      const other = each.actual === undefined ? '' : actual[each.actual]
      return each.isSame ? one : one === '' ? `+${other}` : other === '' ? `${one}-` : `${one}/${other}`
    })
    .join(' ')
}

describe('two lists side by side', () => {
  it.each([
    ['abc', 'abc', 'a b c'],
    ['abc', 'ac', 'a b- c'],
    ['ac', 'abc', 'a +b c'],
    ['abc', 'axc', 'a b/x c'],
    ['abcd', 'bcd', 'a- b c d'],
    ['bcd', 'abcd', '+a b c d'],
    ['abcdef', 'axcyef', 'a b/x c d/y e f'],
    ['', 'ab', '+a +b'],
    ['ab', '', 'a- b-'],
    ['', '', ''],
    ['aab', 'ab', 'a a- b'],
    ['ab', 'ba', 'a- b +a'],
  ])('%s and %s', (expected, actual, shown) => expect(aligned(expected, actual)).toBe(shown))

  it('have each item once and in order, and what is the same is so, however long they are', () => {
    const text = string({ unit: constantFrom('a', 'b', 'c'), maxLength: 400 })
    assert(
      property(text, text, (expected, actual) => {
        const isSame = (one: number, other: number): boolean => expected[one] === actual[other]
        const found = align({ expected: expected.length, actual: actual.length, isSame })
        expect(found.flatMap((each) => each.expected ?? [])).toEqual(Array.from(expected, (_, index) => index))
        expect(found.flatMap((each) => each.actual ?? [])).toEqual(Array.from(actual, (_, index) => index))
        for (const each of found) {
          const both = each.expected !== undefined && each.actual !== undefined
          expect(each.isSame).toBe(both && isSame(each.expected, each.actual))
        }
      }),
      { numRuns: 50 },
    )
  })
})
