import { describe, expect, it } from 'vitest'
import { applied, now, openStep, stepContract, textBatch, textsOf } from '../step-contract.ts'

stepContract({
  type: 'throttle',
  config: { messages: 2, per: '1s', by: 'message.k' },
  messages: ['{"k": 1}', '{"k": 1}', '{"k": 1}', '{"k": 2, "big": 9007199254740993}'],
})

const texts = ['1', '2', '3']

describe('throttle', () => {
  it('lets through so many per interval, and counts the rest', () => {
    const step = openStep('throttle', { messages: 2, per: '1s' })
    const at = (ms: number): unknown => {
      const { batch, filtered = 0 } = step.apply(textBatch(texts), now + ms)
      return [textsOf(batch), filtered]
    }
    expect(at(0)).toEqual([['1', '2'], 1])
    expect(at(999)).toEqual([[], 3])
    expect(at(1_000)).toEqual([['1', '2'], 1])
    expect(at(1_500)).toEqual([[], 3])
    expect(at(10_700)).toEqual([['1', '2'], 1])
    expect(at(11_699)).toEqual([[], 3])
  })

  it('does not begin anew when the clock goes back', () => {
    const step = openStep('throttle', { messages: 1, per: '1s' })
    const passes = (ms: number): number => step.apply(textBatch(['1']), now + ms).batch.size
    expect([0, -5_000, 500, 1_000, 0, 1_999, 2_000].map(passes)).toEqual([1, 0, 0, 1, 0, 0, 1])
  })

  it('counts each key for itself', () => {
    const result = applied(
      'throttle',
      { messages: 1, per: '1s', by: 'message.k' },
      '{"k":1}',
      '{"k":2}',
      '{"k":1}',
      '{}',
    )
    expect(result.texts).toEqual(['{"k":1}', '{"k":2}'])
    expect(result.filtered).toBe(1)
    expect(result.failures).toEqual([{ index: 3, reason: 'throttle: message.k cannot be evaluated: no such key: k' }])
  })

  it('does not look into payloads without `by`', () => {
    expect(applied('throttle', { messages: 9, per: '1s' }, 'no JSON').texts).toEqual(['no JSON'])
  })

  it('remembers so many keys at most', () => {
    const step = openStep('throttle', { messages: 1, per: '1h', by: 'message', keys: 2 })
    const passed = (text: string): number => step.apply(textBatch([text]), now).batch.size
    expect(['1', '2', '1', '3', '3', '2', '1', '2'].map(passed)).toEqual([1, 1, 0, 1, 0, 0, 1, 1])
  })

  it.each<unknown>([{ messages: 0, per: '1s' }, { messages: 1, per: '0' }, { messages: 1 }])(
    '%j is refused',
    (config) => {
      expect(() => openStep('throttle', config)).toThrow()
    },
  )
})
