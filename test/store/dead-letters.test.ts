import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import { openStore } from '../../src/store/open.ts'
import type { Letter, StoredLetter } from '../../src/store/workflow-store.ts'
import type { DeadLetters } from '../../src/stream/dead-letter.ts'
import { eachDatabase } from './databases.ts'
import { never } from './fetches.ts'
import { sharedStore } from './shared-store.ts'

const payload = (text: string): Uint8Array => new TextEncoder().encode(text)

function letter(number: number, more: Partial<Letter> = {}): Letter {
  return {
    payload: payload(`{"n":${number}}`),
    meta: {},
    reason: 'it has no value in id',
    stage: 'sinks.cold',
    attempts: 1,
    at: 1_700_000_000_000 + number,
    ...more,
  }
}

const letters = (count: number): Letter[] => Array.from({ length: count }, (_, index) => letter(index))
const numbers = (found: readonly StoredLetter[]) => found.map((each) => Number(/\d+/.exec(text(each))?.[0]))
const text = (each: Letter) => new TextDecoder().decode(each.payload)

eachDatabase('dead letters', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  test('what is written is what is read, whatever is in it', async () => {
    const { deadLetters } = shared.store
    const bytes = new Uint8Array([0, 255, 10, 39, 92, 128])
    const position = { lsn: rawNumber('123456789012345678901'), at: ['\0', 'é'] }
    const full = letter(1, { payload: bytes, meta: { id: 'm1', key: 'AAPL', route: 'hot' }, position, attempts: 7 })
    // The port of the engine is of this shape.
    const port: DeadLetters = deadLetters.of('prices')
    await port.write([letter(0), full], never)
    const found = await deadLetters.list('prices', { limit: 10 })
    expect(found).toMatchObject([letter(0), { ...full, position: undefined }].map(({ position: _, ...each }) => each))
    expect(JSON.stringify(found[1]?.position)).toBe(JSON.stringify(position))
    expect(found[0]).not.toHaveProperty('position')
    expect(found[0]?.meta).toStrictEqual({})
    const [row] = await shared.home.witness(`SELECT * FROM hermes_dead_letters WHERE message_id = 'm1'`)
    expect(row).toMatchObject({ workflow: 'prices', message_key: 'AAPL', route: 'hot', stage: 'sinks.cold' })
    expect(Buffer.from(row?.['payload'] as Uint8Array).toString('hex')).toBe('00ff0a275c80')
  })

  test('what no database holds as text is stored readable', async () => {
    const odd = letter(0, { reason: 'a\0b\uD800', meta: { key: '\0' } })
    await shared.store.deadLetters.of('w').write([odd], never)
    expect(await shared.store.deadLetters.list('w', { limit: 1 })).toMatchObject([
      { reason: 'a\uFFFDb\uFFFD', meta: { key: '\uFFFD' } },
    ])
  })

  test('the same letters again are stored once, and equal ones in one write all', async () => {
    const { deadLetters } = shared.store
    const twins = [letter(1), letter(1), letter(1), letter(2)]
    await deadLetters.of('w').write(twins, never)
    await deadLetters.of('w').write(twins, never)
    await deadLetters.of('other').write(twins, never)
    expect(await deadLetters.counts()).toStrictEqual(
      new Map([
        ['w', 4],
        ['other', 4],
      ]),
    )
    await deadLetters.of('w').write([letter(1, { attempts: 2 })], never)
    expect((await deadLetters.counts()).get('w')).toBe(5)
  })

  test('pages come in the order of time, to a moment, over more letters than one statement takes', async () => {
    const { deadLetters } = shared.store
    await deadLetters.of('w').write(letters(1_234).toReversed(), never)
    const found: StoredLetter[] = []
    for (;;) {
      const last = found.at(-1)
      const page = await deadLetters.list('w', { limit: 500, ...(last === undefined ? {} : { after: last.id }) })
      found.push(...page)
      if (page.length < 500) break
    }
    expect(numbers(found)).toStrictEqual(Array.from({ length: 1_234 }, (_, index) => index))
    const until = letter(9).at
    expect(numbers(await deadLetters.list('w', { limit: 100, until }))).toStrictEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await deadLetters.list('w', { limit: 100, until: -1 })).toStrictEqual([])
    expect(await deadLetters.list('nobody', { limit: 100 })).toStrictEqual([])
  })

  test('large payloads go in several statements', async () => {
    const large = [0, 1, 2].map((number) => letter(number, { payload: new Uint8Array(5 * 1024 * 1024).fill(number) }))
    await shared.store.deadLetters.of('w').write(large, never)
    const found = await shared.store.deadLetters.list('w', { limit: 10 })
    expect(found.map((each) => [each.payload.length, each.payload[77]])).toStrictEqual([
      [5 * 1024 * 1024, 0],
      [5 * 1024 * 1024, 1],
      [5 * 1024 * 1024, 2],
    ])
  })

  test('a part of a large buffer is stored by itself', async () => {
    const buffer = new Uint8Array(100_000).fill(7)
    await shared.store.deadLetters.of('w').write([letter(0, { payload: buffer.subarray(3, 5) })], never)
    expect((await shared.store.deadLetters.list('w', { limit: 1 }))[0]?.payload).toStrictEqual(new Uint8Array([7, 7]))
  })

  test('letters are taken once, counted again, deleted, and leave others alone', async () => {
    const { deadLetters } = shared.store
    await deadLetters.of('w').write(letters(5), never)
    await deadLetters.of('other').write(letters(2), never)
    const ids = (await deadLetters.list('w', { limit: 5 })).map((each) => each.id)
    const [a = '', b = '', c = ''] = ids
    const taken = await Promise.all([deadLetters.take('w', [a, b]), deadLetters.take('w', [b, a])])
    expect(numbers(taken.flat()).toSorted((x, y) => x - y)).toStrictEqual([0, 1])
    await deadLetters.countAttempt('w', [c, a])
    expect(await deadLetters.find('w', [c, a])).toMatchObject([{ id: c, attempts: 2 }])
    expect(await deadLetters.delete('other', [a])).toBe(1)
    expect(await deadLetters.delete('w', [c, c, a, 'unknown'])).toBe(1)
    expect(numbers(await deadLetters.list('w', { limit: 9 }))).toStrictEqual([3, 4])
    await deadLetters.clear(['w', 'nobody'])
    await deadLetters.clear([])
    expect(await deadLetters.counts()).toStrictEqual(new Map([['other', 1]]))
  })

  test('nothing is written after an abort', async () => {
    const reason = new Error('stop')
    await expect(shared.store.deadLetters.of('w').write(letters(3), AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(await shared.store.deadLetters.counts()).toStrictEqual(new Map())
    await shared.store.deadLetters.of('w').write([], never)
  })

  test('letters outlive the process that wrote them', async () => {
    await using home = await newHome()
    {
      await using store = await openStore(home.url)
      await store.deadLetters.of('w').write(letters(1), never)
    }
    await using store = await openStore(home.url)
    expect(await store.deadLetters.list('w', { limit: 2 })).toMatchObject([letter(0)])
  })
})
