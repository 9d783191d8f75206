import { describe, expect, it } from 'vitest'
import { valueBatch } from '../../../src/stream/batches.ts'
import { applied, now, openStep, stepContract } from '../step-contract.ts'

stepContract({
  type: 'set',
  config: { 'data.total': 'message.data.price * message.data.size', kind: '"trade"' },
  messages: ['{"data": {"price": 2.5, "size": 4}}', '{"data": {"price": 3, "size": 9007199254740993}, "other": [1]}'],
})

describe('set', () => {
  it.each<[object, string, string]>([
    [{ b: 'message.a + 1' }, '{"a":1}', '{"a":1,"b":2}'],
    [{ a: 'message.b', b: 'message.a' }, '{"a":1,"b":2}', '{"a":2,"b":1}'],
    [{ 'x.y.z': '1' }, '{}', '{"x":{"y":{"z":1}}}'],
    [{ 'x.y': '1', 'x.z': '2' }, '{"x":{"y":0}}', '{"x":{"y":1,"z":2}}'],
    [{ 'rows[0].id': '"a"' }, '{"rows":[{},{}]}', '{"rows":[{"id":"a"},{}]}'],
    [{ 'rows[-1]': 'null' }, '{"rows":[1,2]}', '{"rows":[1,null]}'],
    [{ '["a.b"]': 'true' }, '{}', '{"a.b":true}'],
    [{ $: 'message.data' }, '{"data":{"a":1}}', '{"a":1}'],
    [{ $: 'message.data', at: 'message.t' }, '{"data":{"a":1},"t":"x"}', '{"a":1,"at":"x"}'],
    [{ copy: 'message.big' }, '{"big":9007199254740993}', '{"big":9007199254740993,"copy":9007199254740993}'],
    [{ sum: 'message.big + 1' }, '{"big":9007199254740993}', '{"big":9007199254740993,"sum":9007199254740994}'],
    [
      { copy: 'message' },
      '{"d":0.12345678901234567891}',
      '{"d":0.12345678901234567891,"copy":{"d":0.12345678901234567891}}',
    ],
    [{ __proto__x: '1' }, '{"__proto__":{"a":1}}', '{"__proto__":{"a":1},"__proto__x":1}'],
    [{ id: 'meta.id', at: 'now' }, '{}', '{"id":"m0","at":"2026-01-01T12:00:00.000Z"}'],
  ])('%j makes of %s: %s', (config, text, expected) => {
    const { texts, failures } = applied('set', config, text)
    expect(failures).toBeUndefined()
    expect(texts).toEqual([expected])
  })

  it('sets an own field, whatever its name', () => {
    const config: unknown = JSON.parse('{"__proto__": "message.a"}')
    const { texts } = applied('set', config, '{"a":{"polluted":true}}')
    expect(texts).toEqual(['{"a":{"polluted":true},"__proto__":{"polluted":true}}'])
  })

  it.each<[object, string, string]>([
    [{ total: 'message.price * 2' }, '{}', 'set: total: message.price * 2 cannot be evaluated: no such key: price'],
    [{ 'a.b': '1' }, '{"a":5}', 'set: a.b: a is no object'],
    [{ 'a.b': '1' }, '{"a":9007199254740993}', 'set: a.b: a is no object'],
    [{ 'rows[3]': '1' }, '{"rows":[]}', 'set: rows[3]: rows is no list with an item 3'],
    [{ a: '1' }, '[]', 'set: a: the message is no object'],
    [{ a: '1' }, '5', 'set: a: the message is no object'],
    [
      { a: 'message.n / 0.0' },
      '{"n":1}',
      'set: a: message.n / 0.0 cannot be evaluated: the result is Infinity, which JSON cannot hold',
    ],
  ])('%j fails on %s: %s', (config, text, reason) => {
    const { texts, failures } = applied('set', config, text)
    expect(texts).toEqual([])
    expect(failures).toEqual([{ index: 0, reason }])
  })

  it('goes on behind a message that fails, and keeps metas with their messages', () => {
    const { batch, failures, texts } = applied('set', { b: 'message.a' }, '{"a":1}', '{}', '{"a":3}')
    expect(failures?.map(({ index }) => index)).toEqual([1])
    expect(texts).toEqual(['{"a":1,"b":1}', '{"a":3,"b":3}'])
    expect([batch.meta(0).id, batch.meta(1).id]).toEqual(['m0', 'm2'])
  })

  it('copies only what lies on the way', () => {
    const message = { far: { a: 1 }, near: { deep: { b: 1 }, beside: {} } }
    const { batch } = openStep('set', { 'near.deep.c': '2' }).apply(valueBatch([message]), now)
    const changed = batch.value(0) as typeof message
    expect(changed).toEqual({ far: { a: 1 }, near: { deep: { b: 1, c: 2 }, beside: {} } })
    expect(changed.far).toBe(message.far)
    expect(changed.near.beside).toBe(message.near.beside)
    expect(message.near.deep).toEqual({ b: 1 })
  })

  it.each<unknown>([{}, { 'a..b': '1' }, { a: 1 }, { a: '' }])('%j is refused by the schema', (config) => {
    expect(() => openStep('set', config)).toThrow()
  })
})
