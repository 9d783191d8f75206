import { describe, expect, it } from 'vitest'
import { applied, now, openStep, stepContract, textBatch } from '../step-contract.ts'

stepContract({
  type: 'remove',
  config: ['user.email', 'debug'],
  messages: ['{"user": {"email": "a", "id": 9007199254740993}}', '{"debug": 1}', '{}', '5'],
})

describe('remove', () => {
  it.each<[string[], string, string]>([
    [['a'], '{"a":1,"b":2}', '{"b":2}'],
    [['a', 'b.c'], '{"a":1,"b":{"c":1,"d":2}}', '{"b":{"d":2}}'],
    [['rows[0]'], '{"rows":[1,2]}', '{"rows":[2]}'],
    [['rows[-1].id'], '{"rows":[{"id":1},{"id":2}]}', '{"rows":[{"id":1},{}]}'],
    [['["a.b"]'], '{"a.b":1,"a":{"b":2}}', '{"a":{"b":2}}'],
    [['__proto__'], '{"__proto__":{"a":1},"b":1}', '{"b":1}'],
    [['x.y'], '{"__proto__":{"a":1},"x":{"y":1}}', '{"__proto__":{"a":1},"x":{}}'],
  ])('%j makes of %s: %s', (config, text, expected) => {
    expect(applied('remove', config, text).texts).toEqual([expected])
  })

  it('hands on the very same batch when there is nothing to remove', () => {
    const batch = textBatch(['{"a": {"b": 1}}', '[1]', '"text"', '{"a": 5}', '{"rows": []}'])
    expect(openStep('remove', ['a.c', 'toString', 'rows[0]', 'a[0]']).apply(batch, now)).toEqual({ batch })
  })

  it.each<unknown>([[], ['$'], [''], ['a..b'], 'a'])('%j is refused by the schema', (config) => {
    expect(() => openStep('remove', config)).toThrow()
  })
})
