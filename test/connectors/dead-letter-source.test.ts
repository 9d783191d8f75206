import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import {
  type DeadLetterSourceConfig,
  deadLetterSource,
  type LetterShelf,
} from '../../src/connectors/sources/dead-letter.ts'
import { openStore } from '../../src/store/open.ts'
import type { Source } from '../../src/stream/source.ts'
import { eachDatabase } from '../store/databases.ts'
import { eventually, reading } from './open-pushed.ts'
import { configured, contextOf, never } from './opened.ts'

const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}`)

eachDatabase('dead letters as a source', ({ home }) => {
  /** A workflow `w` with letters 0 to `count`, and the source that reads them. */
  async function world(count: number) {
    await using stack = new AsyncDisposableStack()
    const place = stack.use(await home())
    const store = stack.use(await openStore(place.url, { clock: systemClock }))
    const write = async (from: number, to: number, stage = 'sinks.a') => {
      const letters = Array.from({ length: to - from }, (_, index) => ({
        payload: new TextEncoder().encode(`{"n":${from + index}}`),
        meta: { key: `k${(from + index) % 3}`, route: 'cold' },
        reason: 'no',
        stage,
        attempts: 2,
        at: Date.UTC(2026, 0, 1) + from + index,
      }))
      await store.deadLetters.of('w').write(letters, never)
    }
    await write(0, count)
    await store.deadLetters
      .of('other')
      .write([{ payload: new Uint8Array([49]), meta: {}, reason: '', stage: 'validate', attempts: 1, at: 1 }], never)
    const open = (config: object = {}, letters: LetterShelf = store.deadLetters): Promise<Source> => {
      const settings = configured(deadLetterSource.config, { workflow: 'w', every: '20ms', ...config })
      return deadLetterSource.open(settings as DeadLetterSourceConfig, { ...contextOf({}), letters })
    }
    const left = async () => (await store.deadLetters.counts()).get('w') ?? 0
    const closing = stack.move()
    return { store, write, open, left, [Symbol.asyncDispose]: () => closing.disposeAsync() }
  }
  it('gives the oldest first, and then those that come', async () => {
    await using here = await world(1_200)
    await using source = await here.open()
    const read = reading(source)
    await eventually(() => read.texts.length === 1_200)
    await here.write(1_200, 1_203)
    await eventually(() => read.texts.length === 1_203)
    expect(read.texts).toEqual(texts(0, 1_203))
    read.stop.abort()
    await read.ended
  })

  it('deletes what was acknowledged, and gives the rest again', async () => {
    await using here = await world(50)
    const source = await here.open({ batch: 10 })
    const read = reading(source)
    await eventually(() => read.texts.length === 50)
    source.ack?.(read.positions[2])
    read.stop.abort()
    await read.ended
    await source[Symbol.asyncDispose]()
    expect(await here.left()).toBe(20)
    await using again = await here.open()
    const rest = reading(again)
    await eventually(() => rest.texts.length === 20)
    expect(rest.texts).toEqual(texts(30, 50))
    rest.stop.abort()
    await rest.ended
  })

  it('gives nothing twice that is on its way, and counts the tries', async () => {
    await using here = await world(3)
    await using source = await here.open()
    const stop = new AbortController()
    for await (const batch of source.read(undefined, stop.signal, never)) {
      expect([0, 1, 2].map((index) => batch.meta(index))).toMatchObject([{ key: 'k0' }, { key: 'k1' }, { key: 'k2' }])
      expect(batch.meta(0)).toStrictEqual({ id: expect.any(String), key: 'k0', attempts: 2 })
      setTimeout(() => stop.abort(), 100)
    }
  })

  it('reads those that are meant; the others stay', async () => {
    await using here = await world(30)
    await here.write(30, 40, 'validate')
    const source = await here.open({ where: 'stage == "sinks.a" && message.n % 2 == 0', as: 'letter' })
    const read = reading(source)
    await eventually(() => read.texts.length === 15)
    const [first] = read.texts.map((text) => JSON.parse(text) as object)
    expect(first).toMatchObject({ workflow: 'w', stage: 'sinks.a', payload: '{"n":0}', attempts: 2 })
    source.ack?.(read.positions.at(-1))
    read.stop.abort()
    await read.ended
    await source[Symbol.asyncDispose]()
    expect(await here.left()).toBe(25)
  })

  it('what could not be deleted is deleted later', async () => {
    await using here = await world(5)
    let isAway = true
    const letters: LetterShelf = {
      list: (...args) => here.store.deadLetters.list(...args),
      delete: async (workflow, ids) => {
        if (isAway) throw new Error('the database is away')
        return await here.store.deadLetters.delete(workflow, ids)
      },
    }
    await using source = await here.open({}, letters)
    const read = reading(source)
    await eventually(() => read.texts.length === 5)
    source.ack?.(read.positions[0])
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await here.left()).toBe(5)
    isAway = false
    while ((await here.left()) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(read.texts).toHaveLength(5)
    read.stop.abort()
    await read.ended
  })

  it('gives nothing when it is to stop, and throws why it is to give up', async () => {
    await using here = await world(5)
    await using source = await here.open()
    expect(await Array.fromAsync(source.read(undefined, AbortSignal.abort(), never))).toEqual([])
    const abort = new AbortController()
    const waiting = Array.fromAsync(source.read(undefined, never, abort.signal))
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await source.ping(never)
  })
})

it('a filter that is none is refused when it is opened', async () => {
  const letters = { list: async () => [], delete: async () => 0 }
  const settings = configured(deadLetterSource.config, { workflow: 'w', where: 'attempts +' }) as DeadLetterSourceConfig
  await expect(deadLetterSource.open(settings, { ...contextOf({}), letters })).rejects.toMatchObject({
    code: 'expression_syntax',
  })
})

it('looks no more often than a database bears, whatever it is told', async () => {
  let looks = 0
  const letters: LetterShelf = {
    list: async () => {
      looks += 1
      return []
    },
    delete: async () => 0,
  }
  const settings = configured(deadLetterSource.config, { workflow: 'w', every: 0 }) as DeadLetterSourceConfig
  await using source = await deadLetterSource.open(settings, { ...contextOf({}), letters })
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 200)
  expect(await Array.fromAsync(source.read(undefined, stop.signal, never))).toEqual([])
  expect(looks).toBeLessThan(30)
})
