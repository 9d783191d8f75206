import { describe, expect, it } from 'vitest'
import { bytesBatch } from '../../../src/stream/batches.ts'
import { applied, metasOf, now, openStep, stepContract, textBatch, textsOf } from '../step-contract.ts'

stepContract({
  type: 'sample',
  config: { fraction: 0.5, by: 'message.k' },
  messages: ['{"k": 1}', '{"k": 2}', '{"k": 9007199254740993}'],
})
stepContract({ type: 'sample', config: { every: 2 }, messages: ['1', '2', '3'] })

const many = Array.from({ length: 20_000 }, (_, index) => `{"k":${index % 1_000},"n":${index}}`)
const idsOf = (config: object, from = 0): (string | undefined)[] =>
  metasOf(openStep('sample', config).apply(textBatch(many, 7, from), now).batch).map(({ id }) => id)

describe('sample', () => {
  it.each([0.01, 0.1, 0.5, 0.9, 1])('lets through about %d of all', (fraction) => {
    const part = idsOf({ fraction }).length / many.length
    expect(Math.abs(part - fraction)).toBeLessThan(0.015)
  })

  it('decides by the id, the same each time, whatever else comes', () => {
    const passed = idsOf({ fraction: 0.1 })
    expect(idsOf({ fraction: 0.1 })).toEqual(passed)
    const later = new Set(idsOf({ fraction: 0.1 }, 10_000))
    expect(passed.filter((id) => Number(id?.slice(1)) >= 10_000).every((id) => later.has(id))).toBe(true)
    const more = new Set(idsOf({ fraction: 0.2 }))
    expect(passed.every((id) => more.has(id))).toBe(true)
  })

  it('lets all messages of a key through, or none', () => {
    const { batch } = openStep('sample', { fraction: 0.3, by: 'message.k' }).apply(textBatch(many), now)
    const counts = new Map<unknown, number>()
    for (const value of batch.values()) {
      const { k } = value as { k: number }
      counts.set(k, (counts.get(k) ?? 0) + 1)
    }
    expect(new Set(counts.values())).toEqual(new Set([20]))
    expect(Math.abs(counts.size / 1_000 - 0.3)).toBeLessThan(0.05)
  })

  it('decides by the payload where there is no id', () => {
    const batch = bytesBatch(many.map((text) => new TextEncoder().encode(text)))
    const once = openStep('sample', { fraction: 0.1 }).apply(batch, now)
    expect(Math.abs(once.batch.size / many.length - 0.1)).toBeLessThan(0.015)
    expect(textsOf(openStep('sample', { fraction: 0.1 }).apply(batch, now).batch)).toEqual(textsOf(once.batch))
  })

  it('lets every so many-th through, over batches', () => {
    const step = openStep('sample', { every: 3 })
    const passed = [['0', '1', '2', '3'], ['4', '5'], ['6']].flatMap((texts) =>
      textsOf(step.apply(textBatch(texts), now).batch),
    )
    expect(passed).toEqual(['0', '3', '6'])
    expect(applied('sample', { every: 2 }, '0', '1', '2').filtered).toBe(1)
  })

  it('hands on the very same batch when all pass', () => {
    const batch = textBatch(many)
    expect(openStep('sample', { fraction: 1 }).apply(batch, now)).toEqual({ batch })
  })

  it.each<unknown>([{ fraction: 0 }, { fraction: 1.1 }, { every: 0 }, { every: 2, by: 'message.k' }])(
    '%j is refused',
    (config) => {
      expect(() => openStep('sample', config)).toThrow()
    },
  )
})
