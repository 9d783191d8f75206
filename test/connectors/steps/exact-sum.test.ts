import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExactSum } from '../../../src/connectors/steps/exact-sum.ts'
import { addDecimals, Decimal, decimalOf, parseDecimal } from '../../../src/manifest/expression-decimal.ts'

function sumOf(values: readonly number[]): string {
  const sum = new ExactSum()
  for (const value of values) sum.add(value)
  return sum.value().toString()
}

describe('an exact sum', () => {
  it.each<[number[], string]>([
    [[], '0'],
    [[0.1, 0.2], '0.3'],
    [[1, 0.5, -1.25], '0.25'],
    [[9_007_199_254_740_991, 1, 1], '9007199254740993'],
    [[1e21, 1e-7, 1], '1000000000000000000001.0000001'],
    [[999_999_999.999_999, 999_999_999.999_999], '1999999999.999998'],
    [[-0], '0'],
  ])('%j is %s', (values, expected) => {
    expect(sumOf(values)).toBe(expected)
  })

  it('is what decimals give, in any order', () => {
    const cents = fc.integer({ min: -1e14, max: 1e14 }).chain((units) => fc.nat(14).map((scale) => units / 10 ** scale))
    const numbers = fc.array(fc.oneof(cents, fc.double({ noNaN: true, noDefaultInfinity: true })), { maxLength: 8 })
    fc.assert(
      fc.property(numbers, (values) => {
        const expected = values.reduce(
          (sum, value) => addDecimals(sum, decimalOf(value) ?? new Decimal(0n, 0)),
          new Decimal(0n, 0),
        )
        expect(sumOf(values)).toBe(expected.toString())
        expect(sumOf(values.toReversed())).toBe(expected.toString())
      }),
      { numRuns: 3_000 },
    )
  })

  it('takes decimals beyond doubles', () => {
    const sum = new ExactSum()
    sum.add(parseDecimal('0.12345678901234567891') ?? 0)
    sum.add(1)
    expect(sum.value().toString()).toBe('1.12345678901234567891')
  })
})
