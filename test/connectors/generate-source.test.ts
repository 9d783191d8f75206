import { describe, expect, it } from 'vitest'
import { generateSource } from '../../src/connectors/sources/generate.ts'
import { FakeClock, settle } from '../fake-clock.ts'
import { failure } from './clients.ts'
import { openConnector } from './open-connector.ts'
import { batches, never } from './opened.ts'
import { streamSourceContract } from './stream-source-contract.ts'

streamSourceContract('generate', async () => ({
  open: () => openConnector(generateSource, { expression: '{"id": index}', batch: 700 }),
  give: async () => {},
  resumes: true,
  endless: true,
  hasIds: true,
  [Symbol.asyncDispose]: async () => {},
}))

const payload = { symbol: 'AAPL', note: 'é' }

describe('generate', () => {
  it('ends at its count, which restarts do not begin anew', async () => {
    await using source = await openConnector(generateSource, { payload, count: 2_500 })
    const all = await batches(source)
    expect(all.map(({ size, position }) => [size, position])).toEqual([
      [1_000, 1_000],
      [1_000, 2_000],
      [500, 2_500],
    ])
    expect((await batches(source, 2_400)).map(({ size }) => size)).toEqual([100])
    expect(await batches(source, 2_500)).toEqual([])
    expect(await batches(await openConnector(generateSource, { payload, count: 0 }))).toEqual([])
  })

  it('makes nothing for a message of a payload that is given', async () => {
    await using source = await openConnector(generateSource, { payload, count: 2_000 })
    const [first, second] = await batches(source)
    expect(first?.bytes(0)).toBe(second?.bytes(999))
    expect(first?.values()).toBe(second?.values())
    expect(first?.value(3)).toEqual(payload)
    expect(first?.byteLength).toBe(1_000 * Buffer.byteLength(JSON.stringify(payload)))
    expect(second?.meta(5).id).toBe('1005')
  })

  it('evaluates its expression for each message', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 2))
    const expression = '{"id": index, "odd": index % 2 == 1, "at": now}'
    await using source = await openConnector(generateSource, { expression, count: 2 }, { clock })
    const [batch] = await batches(source)
    expect(batch?.values()).toEqual([
      { id: 0, odd: false, at: '2026-01-02T00:00:00.000Z' },
      { id: 1, odd: true, at: '2026-01-02T00:00:00.000Z' },
    ])
  })

  it('refuses an expression that is none, when it is opened', async () => {
    expect((await failure(openConnector(generateSource, { expression: 'index +' }))).code).toBe('expression_syntax')
    expect((await failure(openConnector(generateSource, { expression: 'message.a' }))).code).toBe('expression_type')
    const source = await openConnector(generateSource, { expression: '1 / index' })
    expect((await failure(batches(source))).message).toContain('1 / index')
  })

  it('keeps to its rate, and makes up for no more than a second', async () => {
    const clock = new FakeClock()
    const counted = async (config: object, steps: readonly number[]): Promise<number[]> => {
      await using source = await openConnector(generateSource, { payload, ...config }, { clock })
      const stop = new AbortController()
      let made = 0
      const reading = (async () => {
        for await (const { size } of source.read(undefined, stop.signal, never)) made += size
      })()
      const counts: number[] = []
      for (const ms of steps) {
        await clock.advance(ms)
        counts.push(made)
      }
      stop.abort()
      await reading
      return counts
    }
    expect(await counted({ rate: { every: '1s' } }, [0, 999, 1, 5_000])).toEqual([1, 1, 2, 7])
    expect(await counted({ rate: { perSecond: 100 } }, [0, 10, 990])).toEqual([1, 2, 101])

    await using source = await openConnector(generateSource, { payload, rate: { perSecond: 100 } }, { clock })
    const reading = source.read(undefined, never, never)[Symbol.asyncIterator]()
    expect((await reading.next()).value.size).toBe(1)
    const next = reading.next()
    await clock.advance(60_000)
    expect((await next).value.size).toBe(1)
    await settle()
    // A second of it, and what is due now.
    expect((await reading.next()).value.size).toBe(101)
    await reading.return?.()
  })

  it('lets timers and other work go on at full speed', async () => {
    await using source = await openConnector(generateSource, { payload })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 20)
    let made = 0
    for await (const { size } of source.read(undefined, stop.signal, never)) made += size
    expect(made).toBeGreaterThanOrEqual(1_000)
  })
})
