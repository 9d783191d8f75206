import { describe, expect, it } from 'vitest'
import { bytesBatch, withMetas } from '../../../src/stream/batches.ts'
import { applied, metasOf, now, openStep, stepContract, textBatch } from '../step-contract.ts'

const hot = { to: 'hot', when: 'message.price > 100' }

stepContract({
  type: 'route',
  config: { branches: [hot], default: 'cold' },
  messages: ['{"price": 101}', '{"price": 9007199254740993}', '{"price": 1.5}'],
})

describe('route', () => {
  it('takes the first branch whose condition holds', () => {
    const config = { branches: [hot, { to: 'warm', when: 'message.price > 10' }], default: 'cold' }
    const { batch, texts } = applied('route', config, '{"price": 200}', '{"price": 20}', '{"price": 2}')
    expect(texts).toEqual(['{"price": 200}', '{"price": 20}', '{"price": 2}'])
    expect(metasOf(batch)).toEqual([
      { id: 'm0', key: 'k0', route: 'hot' },
      { id: 'm1', key: 'k1', route: 'warm' },
      { id: 'm2', key: 'k0', route: 'cold' },
    ])
  })

  it('leaves a message where it is when no branch is for it', () => {
    const batch = textBatch(['{"price": 1}', '{"price": 2}'])
    expect(openStep('route', { branches: [hot] }).apply(batch, now)).toEqual({ batch })
    const routed = withMetas(batch, [{ route: 'a' }, {}])
    expect(openStep('route', { branches: [hot] }).apply(routed, now).batch).toBe(routed)
  })

  it('overrides an earlier choice, and can ask for it', () => {
    const batch = withMetas(textBatch(['{}', '{}']), [{ route: 'a' }, { route: 'b' }])
    const branches = [{ to: 'c', when: 'meta.route == "a"' }]
    expect(metasOf(openStep('route', { branches }).apply(batch, now).batch)).toEqual([{ route: 'c' }, { route: 'b' }])
  })

  it('gives messages of which nothing is known one meta for all', () => {
    const payloads = ['{"price": 200}', '{"price": 300}'].map((text) => new TextEncoder().encode(text))
    const { batch } = openStep('route', { branches: [hot] }).apply(bytesBatch(payloads), now)
    expect(batch.meta(0)).toEqual({ route: 'hot' })
    expect(batch.meta(0)).toBe(batch.meta(1))
  })

  it('buries what it cannot judge, with branch and expression', () => {
    const { batch, failures } = applied('route', { branches: [hot], default: 'cold' }, '{}', '{"price": 1}')
    expect(failures).toEqual([
      { index: 0, reason: 'route: hot: message.price > 100 cannot be evaluated: no such key: price' },
    ])
    expect(metasOf(batch)).toEqual([{ id: 'm1', key: 'k1', route: 'cold' }])
  })

  it.each<unknown>([{ branches: [] }, { branches: [{ to: 'a b', when: 'true' }] }, {}])('%j is refused', (config) => {
    expect(() => openStep('route', config)).toThrow()
  })
})
