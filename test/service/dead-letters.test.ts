import { expect, test } from 'vitest'
import { type LetterRetry, localDeadLetters } from '../../src/local-dead-letters.ts'
import { openClient } from '../../src/service/client.ts'
import type { Letter, StoredLetter } from '../../src/store/workflow-store.ts'
import { eachDatabase } from '../store/databases.ts'
import { never } from '../store/fetches.ts'
import { sharedStore } from '../store/shared-store.ts'
import { openWorld } from './open-world.ts'

const start = Date.UTC(2026, 0, 1)

function letter(number: number, more: Partial<Letter> = {}): Letter {
  return {
    payload: new TextEncoder().encode(JSON.stringify({ n: number, symbol: number % 2 === 0 ? 'AAPL' : 'MSFT' })),
    meta: { id: `m${number}`, key: `k${number % 3}` },
    reason: 'it has no value in id',
    stage: number < 10 ? 'validate' : 'sinks.cold',
    position: { offset: number },
    attempts: 1 + (number % 2),
    at: start + number * 1_000,
    ...more,
  }
}

const letters = (count: number) => Array.from({ length: count }, (_, index) => letter(index))

eachDatabase('dead letters of a service', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  async function openLetters(retry?: LetterRetry) {
    const world = await openWorld()
    world.api.deadLetters = localDeadLetters({
      store: async () => shared.store.deadLetters,
      now: () => start + 3_600_000,
      retry: () => retry,
    })
    const { deadLetters } = openClient({ socketPath: world.socketPath })
    return { world, deadLetters, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
  }
  const write = (some: readonly Letter[]) => shared.store.deadLetters.of('prices').write(some, never)
  const left = async () => (await shared.store.deadLetters.counts()).get('prices') ?? 0

  test('are listed oldest first, to a limit, by ids and by an expression', async () => {
    await using opened = await openLetters()
    const { deadLetters } = opened
    await write(letters(250))
    expect(await deadLetters.list('prices', {})).toHaveLength(50)
    const all = await deadLetters.list('prices', { limit: 5_000 })
    expect(all).toHaveLength(250)
    expect(all[0]).toStrictEqual({
      id: expect.any(String),
      at: '2026-01-01T00:00:00.000Z',
      stage: 'validate',
      reason: 'it has no value in id',
      attempts: 1,
      messageId: 'm0',
      key: 'k0',
      bytes: 23,
      excerpt: '{"n":0,"symbol":"AAPL"}',
    })
    const ids = all.slice(200, 202).map(({ id }) => id)
    expect((await deadLetters.list('prices', { ids })).map(({ messageId }) => messageId)).toStrictEqual([
      'm200',
      'm201',
    ])
    const of = async (where: string) => (await deadLetters.list('prices', { where, limit: 1_000 })).length
    expect(await of('stage == "validate"')).toBe(10)
    expect(await of('message.symbol == "AAPL" && message.n >= 100')).toBe(75)
    expect(await of('attempts > 1 && key == "k1"')).toBe(42)
    expect(await of('at < timestamp("2026-01-01T00:00:05Z")')).toBe(5)
    expect(await of('id in ["m1", "m2"]')).toBe(2)
    expect(await of('message.nothing == 1')).toBe(0)
    expect(await deadLetters.list('nobody', {})).toStrictEqual([])
  })

  test('are shown with all there is of them', async () => {
    await using opened = await openLetters()
    const { deadLetters } = opened
    const odd = new Uint8Array([0, 0xff, 0x80])
    await write([letter(1, { meta: { id: 'm1', route: 'hot' } }), letter(2, { payload: odd }), letter(3)])
    const [first, second] = await deadLetters.list('prices', {})
    expect(await deadLetters.show('prices', first?.id ?? '')).toStrictEqual({
      ...first,
      route: 'hot',
      position: { offset: 1 },
      payload: '{"n":1,"symbol":"MSFT"}',
      encoding: 'utf-8',
    })
    expect(await deadLetters.show('prices', second?.id ?? '')).toMatchObject({ payload: 'AP+A', encoding: 'base64' })
    // What is no JSON has no message to look at, and is no error either.
    expect(await deadLetters.list('prices', { where: 'message.n == 3' })).toHaveLength(1)
    await expect(deadLetters.show('prices', 'none')).rejects.toMatchObject({ code: 'not_found' })
    await expect(deadLetters.show('other', first?.id ?? '')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('are dropped by ids, by an expression, to a limit, or all that were there', async () => {
    await using opened = await openLetters()
    const { deadLetters, world } = opened
    await write(letters(250))
    await write([letter(0, { at: start + 7_200_000, reason: 'later than now' })])
    const [a, b] = await deadLetters.list('prices', {})
    expect(await deadLetters.drop('prices', { ids: [a?.id ?? '', b?.id ?? '', 'none'] })).toStrictEqual({ letters: 2 })
    expect(await deadLetters.drop('prices', { where: 'message.symbol == "MSFT"', limit: 100 })).toStrictEqual({
      letters: 100,
    })
    expect(await left()).toBe(149)
    const path = '/api/v1/workflows/prices/dead-letters/drop'
    for (const body of ['{}', '{"limit":3}', '{"all":false}', '{"ids":[]}', 'null']) {
      const answer = await world.ask('POST', path, body, 'application/json')
      expect([body, answer.status, answer.text.includes('request_invalid')]).toStrictEqual([body, 400, true])
    }
    expect(await left()).toBe(149)
    expect(await deadLetters.drop('prices', {})).toStrictEqual({ letters: 148 })
    expect(await deadLetters.list('prices', {})).toMatchObject([{ reason: 'later than now' }])
  })

  test('an expression that is none is refused, and drops nothing', async () => {
    await using opened = await openLetters()
    const { deadLetters } = opened
    await write(letters(3))
    for (const [where, code] of [
      ['stage ==', 'expression_syntax'],
      ['stag == "x"', 'expression_type'],
      ['attempts + 1', 'expression_type'],
      ['secrets.TOKEN == "x"', 'expression_not_allowed'],
    ] as const) {
      await expect(deadLetters.drop('prices', { where }), where).rejects.toMatchObject({ code })
      await expect(deadLetters.list('prices', { where }), where).rejects.toMatchObject({ code })
    }
    expect(await left()).toBe(3)
  })

  test('are sent again by who runs the workflow: what it took goes, the rest stays', async () => {
    const sent: string[] = []
    const send: LetterRetry['send'] = async (workflow, some: readonly StoredLetter[]) => {
      sent.push(...some.map(({ meta }) => `${workflow}/${meta.id}`))
      return some.filter(({ meta }) => meta.id !== 'm1').map(({ id }) => id)
    }
    await using opened = await openLetters({ send })
    await write(letters(3))
    expect(await opened.deadLetters.retry('prices', { where: 'message.n < 2' })).toStrictEqual({ letters: 1 })
    expect(sent).toStrictEqual(['prices/m0', 'prices/m1'])
    expect((await opened.deadLetters.list('prices', {})).map(({ messageId }) => messageId)).toStrictEqual(['m1', 'm2'])
  })

  test('are not sent again where no workflows run', async () => {
    await using opened = await openLetters()
    await write(letters(1))
    await expect(opened.deadLetters.retry('prices', {})).rejects.toMatchObject({ code: 'service_absent' })
    expect(await left()).toBe(1)
  })
})
