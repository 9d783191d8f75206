import { describe, expect, it } from 'vitest'
import { bytesBatch, pick } from '../../../src/stream/batches.ts'
import { applied, metasOf, now, openStep, stepContract, textBatch } from '../step-contract.ts'

stepContract({
  type: 'filter',
  config: 'message.n > 1',
  messages: ['{"n": 1}', '{"n": 2.5, "big": 9007199254740993}', '{"n": 9007199254740993}', '{"n": -1}'],
})

describe('filter', () => {
  it('lets through what the condition holds for, and counts the rest', () => {
    const { texts, filtered, batch } = applied('filter', 'message.n > 1', '{"n": 1}', '{"n": 2}', '{"n": 3}')
    expect(texts).toEqual(['{"n": 2}', '{"n": 3}'])
    expect(filtered).toBe(1)
    expect(metasOf(batch).map(({ id }) => id)).toEqual(['m1', 'm2'])
  })

  it('hands on the very same batch when everything passes, its bytes untouched', () => {
    const batch = textBatch(['{"n":  2}', '{"n": 3.0}'])
    const stepped = openStep('filter', 'message.n > 1').apply(batch, now)
    expect(stepped.batch).toBe(batch)
    expect(stepped).toEqual({ batch })
  })

  it('holds on to nothing when nothing passes', () => {
    const { batch, filtered } = applied('filter', 'false', '{}', '{}')
    expect([batch.size, batch.position, filtered, batch.byteLength]).toEqual([0, 7, 2, 0])
  })

  it('buries what it cannot judge, with field and expression', () => {
    const { texts, failures, filtered } = applied('filter', 'message.n > 1', '{"m": 1}', '{"n": 2}', '{"n": "two"}')
    expect(texts).toEqual(['{"n": 2}'])
    expect(filtered).toBe(0)
    expect(failures).toEqual([
      { index: 0, reason: 'filter: message.n > 1 cannot be evaluated: no such key: n' },
      { index: 2, reason: 'filter: message.n > 1 cannot be evaluated: no such overload: dyn<string> > int' },
    ])
  })

  it('is not content with something that is neither true nor false', () => {
    expect(applied('filter', 'message.n', '{"n": 1}').failures).toEqual([
      { index: 0, reason: 'filter: message.n is neither true nor false' },
    ])
  })

  it('knows meta and the time', () => {
    expect(applied('filter', 'meta.id == "m1"', '{}', '{}').texts).toEqual(['{}'])
    expect(applied('filter', 'now > timestamp("2026-01-01T11:59:59Z")', '{}').texts).toEqual(['{}'])
    expect(applied('filter', 'has(meta.route)', '{}').filtered).toBe(1)
  })

  it('points into the batch that came in, also when that is a part of another', () => {
    const batch = pick(textBatch(['{"n": 2}', '{}', '{"n": 3}']), [1, 2])
    const { failures } = openStep('filter', 'message.n > 1').apply(batch, now)
    expect(failures?.map(({ index }) => index)).toEqual([0])
  })

  it('leaves payloads bytes that no expression asks for', () => {
    expect(applied('filter', 'meta.key == "k0"', 'no JSON', 'nor this').texts).toEqual(['no JSON'])
  })

  it('parses each payload once', () => {
    let parsed = 0
    const payloads = ['1', '2'].map((text) => new TextEncoder().encode(text))
    const batch = bytesBatch(payloads, {}, () => ++parsed)
    openStep('filter', 'message > 0 && message < 9 || message == 7').apply(batch, now)
    expect(parsed).toBe(2)
  })

  it.each(['message.n >', 'nothing.n', '1 + "a"', '"text"', 'now'])('%s is refused when it is opened', (text) => {
    expect(() => openStep('filter', text)).toThrow()
  })
})
