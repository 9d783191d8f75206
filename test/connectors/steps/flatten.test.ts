import { describe, expect, it } from 'vitest'
import { applied, now, openStep, stepContract, textBatch } from '../step-contract.ts'

stepContract({
  type: 'flatten',
  config: {},
  messages: ['{"a": {"b": {"c": 9007199254740993}}, "l": [{"x": 1}]}', '{"a": 1}', '{}'],
})

describe('flatten', () => {
  it.each<[object, string, string]>([
    [{}, '{"a":{"b":1,"c":{"d":2}},"e":3}', '{"a.b":1,"a.c.d":2,"e":3}'],
    [{ separator: '_' }, '{"a":{"b":1}}', '{"a_b":1}'],
    [{ depth: 1 }, '{"a":{"b":{"c":1}}}', '{"a.b":{"c":1}}'],
    [{}, '{"a":{"b":{}},"l":[{"x":{"y":1}}]}', '{"a.b":{},"l":[{"x":{"y":1}}]}'],
    [{ lists: true }, '{"l":[{"x":1},[2]],"m":[]}', '{"l.0.x":1,"l.1.0":2,"m":[]}'],
    [{}, '{"a":{"n":null,"d":0.12345678901234567891}}', '{"a.n":null,"a.d":0.12345678901234567891}'],
    [{}, '{"__proto__":5,"a":{"__proto__":{"x":1}}}', '{"__proto__":5,"a.__proto__.x":1}'],
  ])('%j makes of %s: %s', (config, text, expected) => {
    expect(applied('flatten', config, text).texts).toEqual([expected])
  })

  it('leaves flat messages alone', () => {
    const batch = textBatch(['{"a": 1, "l": [{}], "e": {}}', '{}'])
    expect(openStep('flatten', {}).apply(batch, now)).toEqual({ batch })
  })

  it('does not give two fields one name', () => {
    expect(applied('flatten', {}, '{"a.b":1,"a":{"b":2}}').failures).toEqual([
      { index: 0, reason: 'flatten: two fields would be named a.b' },
    ])
  })

  it('refuses what is no object, and what is nested too deep', () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
    const { failures = [] } = applied('flatten', {}, '[1]', 'null', deep)
    expect(failures.map(({ reason }) => reason)).toEqual([
      'flatten: the message is no object',
      'flatten: the message is no object',
      'flatten: the payload is nested deeper than 1000 levels',
    ])
  })
})
