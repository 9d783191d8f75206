import { describe, expect, it } from 'vitest'
import { bytesBatch } from '../../../src/stream/batches.ts'
import { applied, metasOf, now, openStep, stepContract } from '../step-contract.ts'

stepContract({
  type: 'explode',
  config: { list: 'message.events', as: 'event' },
  messages: ['{"events": [1, {"a": 9007199254740993}], "n": 1}', '{"events": []}', '{"events": [[]]}'],
  reshapes: true,
})

describe('explode', () => {
  it('makes a message of each item, alone', () => {
    const { texts, batch } = applied('explode', { list: 'message.l' }, '{"l":[1,9007199254740993,null]}', '{"l":["x"]}')
    expect(texts).toEqual(['1', '9007199254740993', 'null', '"x"'])
    expect(batch.position).toBe(7)
    expect(metasOf(batch)).toEqual([
      { id: 'm0#0', key: 'k0' },
      { id: 'm0#1', key: 'k0' },
      { id: 'm0#2', key: 'k0' },
      { id: 'm1#0', key: 'k1' },
    ])
  })

  it.each<[object, string, string[]]>([
    [{ list: 'message.l', as: 'item' }, '{"l":[1,2]}', ['{"l":[1,2],"item":1}', '{"l":[1,2],"item":2}']],
    [{ list: 'message.l', as: 'l' }, '{"l":[1,2],"k":0}', ['{"l":1,"k":0}', '{"l":2,"k":0}']],
    [{ list: 'message' }, '[{"a":1},{"a":2}]', ['{"a":1}', '{"a":2}']],
    [{ list: 'message.l.filter(each, each.on)' }, '{"l":[{"on":true,"i":1},{"on":false}]}', ['{"on":true,"i":1}']],
  ])('%j makes of %s: %j', (config, text, expected) => {
    expect(applied('explode', config, text).texts).toEqual(expected)
  })

  it('counts empty lists as filtered, and buries what has none', () => {
    const given = ['{"l":[]}', '{"l":5}', '{}', '{"l":null}', '{"l":[1],"a":1}', '{"l":[7]}']
    const { texts, filtered, failures } = applied('explode', { list: 'message.l', as: 'a.b' }, ...given)
    expect(texts).toEqual(['{"l":[7],"a":{"b":7}}'])
    expect(filtered).toBe(1)
    expect(failures).toEqual([
      { index: 1, reason: 'explode: message.l gives no list' },
      { index: 2, reason: 'explode: message.l cannot be evaluated: no such key: l' },
      { index: 3, reason: 'explode: message.l gives no list' },
      { index: 4, reason: 'explode: a is no object' },
    ])
  })

  it('makes up no id', () => {
    const { batch } = openStep('explode', { list: 'message' }).apply(
      bytesBatch([new TextEncoder().encode('[1,2]')]),
      now,
    )
    expect(metasOf(batch)).toEqual([{}, {}])
  })
})
