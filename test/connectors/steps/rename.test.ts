import { describe, expect, it } from 'vitest'
import { applied, now, openStep, stepContract, textBatch } from '../step-contract.ts'

stepContract({
  type: 'rename',
  config: { ts: 'time', 'data.px': 'price' },
  messages: ['{"ts": 9007199254740993, "data": {"px": 0.12345678901234567891}}', '{"other": 1}', '[]'],
})

describe('rename', () => {
  it.each<[object, string, string]>([
    [{ a: 'b' }, '{"a":1,"c":2}', '{"c":2,"b":1}'],
    [{ a: 'b', b: 'a' }, '{"a":1,"b":2}', '{"b":1,"a":2}'],
    [{ 'data.px': 'price' }, '{"data":{"px":0.12345678901234567891}}', '{"data":{},"price":0.12345678901234567891}'],
    [{ a: 'x.y' }, '{"a":null}', '{"x":{"y":null}}'],
    [{ a: 'a.b' }, '{"a":1}', '{"a":{"b":1}}'],
    [{ a: 'a' }, '{"a":1}', '{"a":1}'],
  ])('%j makes of %s: %s', (config, text, expected) => {
    expect(applied('rename', config, text).texts).toEqual([expected])
  })

  it('overwrites nothing', () => {
    expect(applied('rename', { a: 'b' }, '{"a":1,"b":2}').failures).toEqual([
      { index: 0, reason: 'rename: b: is there already' },
    ])
    expect(applied('rename', { a: 'b.c' }, '{"a":1,"b":2}').failures).toEqual([
      { index: 0, reason: 'rename: b.c: b is no object' },
    ])
  })

  it('hands on the very same batch when there is nothing to rename', () => {
    const batch = textBatch(['{"c": 1}', '5'])
    expect(openStep('rename', { a: 'b' }).apply(batch, now)).toEqual({ batch })
  })

  it.each<unknown>([{}, { a: '' }, { $: 'a' }, { a: '$' }])('%j is refused by the schema', (config) => {
    expect(() => openStep('rename', config)).toThrow()
  })
})
