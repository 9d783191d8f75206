import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareNaturally } from '../src/natural-order.ts'

test.each([
  [
    ['s10', 's2', 's1'],
    ['s1', 's2', 's10'],
  ],
  [
    ['a-2-b', 'a-10', 'a-2', 'a-2-a'],
    ['a-2', 'a-2-a', 'a-2-b', 'a-10'],
  ],
  [
    ['v1.10', 'v1.9', 'v1.9.1'],
    ['v1.9', 'v1.9.1', 'v1.10'],
  ],
  [
    ['b', 'a1', 'a', 'a01', 'a001'],
    ['a', 'a001', 'a01', 'a1', 'b'],
  ],
  [
    ['12345678901234567891', '12345678901234567890', '9'],
    ['9', '12345678901234567890', '12345678901234567891'],
  ],
])('%j is sorted as people count', (given, expected) => {
  expect(given.toSorted(compareNaturally)).toEqual(expected)
})

test('it is an order, and only equal texts are equal', () => {
  const text = fc.string({ unit: fc.constantFrom('0', '1', '2', '9', 'a', '-'), maxLength: 6 })
  fc.assert(
    fc.property(text, text, text, (one, two, three) => {
      expect(Math.sign(compareNaturally(one, two))).toBe(-Math.sign(compareNaturally(two, one)) + 0)
      expect(compareNaturally(one, two) === 0).toBe(one === two)
      if (compareNaturally(one, two) < 0 && compareNaturally(two, three) < 0) {
        expect(compareNaturally(one, three)).toBeLessThan(0)
      }
    }),
    { numRuns: 20_000 },
  )
})
