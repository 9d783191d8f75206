import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesBatch } from '../../../src/stream/batches.ts'
import { memoryInUse } from '../../memory.ts'
import { applied, metasOf, now, openStep, stepContract, textBatch, textsOf } from '../step-contract.ts'

stepContract({
  type: 'dedupe',
  config: { by: 'message.id' },
  messages: ['{"id": 1}', '{"id": "1"}', '{"id": 1, "again": true}', '{"id": 9007199254740993}', '{"id": {"a": 1}}'],
})

const of = (ids: readonly (string | number)[]): string[] => ids.map((id) => JSON.stringify({ id }))

describe('dedupe', () => {
  it('leaves out what came before, in this batch or an earlier one', () => {
    const step = openStep('dedupe', { by: 'message.id' })
    const first = step.apply(textBatch(of([1, 2, 1])), now)
    expect([textsOf(first.batch), first.filtered]).toEqual([of([1, 2]), 1])
    const second = step.apply(textBatch(of([3, 2])), now + 1)
    expect([textsOf(second.batch), second.filtered]).toEqual([of([3]), 1])
  })

  it('tells apart what looks alike, and no other', () => {
    const ids = ['{"id":1}', '{"id":"1"}', '{"id":1.0}', '{"id":[1]}', '{"id":null}', '{"id":{"a":1,"b":2}}']
    const { texts } = applied('dedupe', { by: 'message.id' }, ...ids, '{"id":{"b":2,"a":1}}')
    expect(texts).toEqual(ids.filter((id) => id !== '{"id":1.0}'))
    const big = ['{"id":9007199254740993}', '{"id":9007199254740992}', '{"id":0.12345678901234567891}']
    expect(applied('dedupe', { by: 'message.id' }, ...big, ...big).texts).toEqual(big)
  })

  it('goes by the id without `by`, and by the payload without an id', () => {
    expect(applied('dedupe', {}, '{"a":1}', '{"a":1}').texts).toHaveLength(2)
    const step = openStep('dedupe', {})
    expect(metasOf(step.apply(textBatch(['1', '2']), now).batch)).toHaveLength(2)
    expect(step.apply(textBatch(['3', '4']), now).filtered).toBe(2)
    const payloads = ['{"a":1}', '{"a": 1}', '{"a":1}', 'no JSON', 'no JSON'].map((text) =>
      new TextEncoder().encode(text),
    )
    const bare = openStep('dedupe', {}).apply(bytesBatch(payloads), now)
    expect(textsOf(bare.batch)).toEqual(['{"a":1}', '{"a": 1}', 'no JSON'])
  })

  it('tells apart long identities that begin alike', () => {
    const long = ['a', 'b'].map((end) => JSON.stringify({ id: `${'x'.repeat(50_000)}${end}` }))
    expect(applied('dedupe', { by: 'message.id' }, ...long, ...long).texts).toEqual(long)
  })

  it('forgets after the window, which a repeat does not prolong, and not when the clock goes back', () => {
    const step = openStep('dedupe', { by: 'message.id', window: '10s' })
    const passes = (at: number): boolean => step.apply(textBatch(of([1])), now + at).batch.size === 1
    const times = [0, 6_000, 9_999, 10_000, 12_000, 5_000, 19_999, 20_000]
    expect(times.filter(passes)).toEqual([0, 10_000, 20_000])
  })

  it('buries what has no identity', () => {
    expect(applied('dedupe', { by: 'message.id' }, '{}').failures).toEqual([
      { index: 0, reason: 'dedupe: message.id cannot be evaluated: no such key: id' },
    ])
  })

  it('keeps memory flat whatever comes', async () => {
    const step = openStep('dedupe', { by: 'message.id', messages: 1_000 })
    const { heapUsed: before } = await memoryInUse()
    for (let round = 0; round < 300; round++) {
      step.apply(
        textBatch(of(Array.from({ length: 1_000 }, (_, each) => `${'y'.repeat(100)}${round * 1_000 + each}`))),
        now,
      )
    }
    expect((await memoryInUse()).heapUsed - before).toBeLessThan(5_000_000)
    expect(step.apply(textBatch(of([`${'y'.repeat(100)}299999`])), now).filtered).toBe(1)
    expect(step.apply(textBatch(of([`${'y'.repeat(100)}298999`])), now).filtered).toBeUndefined()
  })

  it('refuses a window of nothing', () => {
    expect(() => openStep('dedupe', { window: '0' })).toThrow('window must be longer than 0')
  })

  const runs = fc.array(
    fc.record({
      after: fc.integer({ min: -3, max: 8 }),
      ids: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 6 }),
    }),
    { maxLength: 12 },
  )

  it('does what a list of all that passed does', () => {
    fc.assert(
      fc.property(
        runs,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        (batches, seconds, messages) => {
          const step = openStep('dedupe', { by: 'message.id', window: `${seconds}s`, messages })
          const passed: { id: number; at: number }[] = []
          let clock = now
          let latest = Number.NEGATIVE_INFINITY
          for (const { after, ids } of batches) {
            clock += after * 1_000
            latest = Math.max(latest, clock)
            const expected: number[] = []
            for (const id of ids) {
              const remembered = passed.slice(-messages).filter(({ at }) => at + seconds * 1_000 > latest)
              if (remembered.some((each) => each.id === id)) continue
              passed.push({ id, at: latest })
              expected.push(id)
            }
            expect(textsOf(step.apply(textBatch(of(ids)), clock).batch)).toEqual(of(expected))
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('loses nothing when it starts anew, wherever the source goes on', () => {
    fc.assert(
      fc.property(runs, fc.nat(12), fc.nat(12), (batches, crash, acked) => {
        const done = batches.slice(0, crash)
        const out = new Set<string>()
        for (const part of [done, batches.slice(Math.min(acked, done.length))]) {
          const step = openStep('dedupe', { by: 'message.id' })
          const passed = part.flatMap(({ ids }) => textsOf(step.apply(textBatch(of(ids)), now).batch))
          expect(new Set(passed).size).toBe(passed.length)
          for (const text of passed) out.add(text)
        }
        expect(out).toEqual(new Set(batches.flatMap(({ ids }) => of(ids))))
      }),
    )
  })
})
