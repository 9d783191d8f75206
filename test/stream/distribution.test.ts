import { expect, it } from 'vitest'
import { Distribution } from '../../src/stream/distribution.ts'

it('counts each value in the first range whose bound is not below it', () => {
  const distribution = new Distribution([1, 10])
  for (const value of [0, 1, 1.5, 10, 10.1, 1e9]) distribution.add(value)
  expect(distribution.counts).toEqual([2, 2, 2])
  expect(distribution.sum).toBeCloseTo(0 + 1 + 1.5 + 10 + 10.1 + 1e9)
})
