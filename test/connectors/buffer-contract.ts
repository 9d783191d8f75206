import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import type { Buffer } from '../../src/stream/buffer.ts'
import { acknowledge, drain, idsOf, kilobytes, never, numbers, takeSome } from './buffers.ts'

export interface BufferSubject extends AsyncDisposable {
  /** Opens a new buffer with so many consumers. It is full with 200 batches of `kilobytes(10)`, and not with three. */
  open(consumers: number): Promise<Buffer>
}

export interface BufferTraits {
  /** Pushes are acknowledged by themselves. */
  readonly durable: boolean
}

/** What every buffer must do. */
export function bufferContract(name: string, traits: BufferTraits, prepare: () => Promise<BufferSubject>): void {
  describe(`${name} as a buffer`, () => {
    let subject: BufferSubject
    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(() => subject[Symbol.asyncDispose]())

    it('gives everything in order to each consumer, at its own pace', async () => {
      await using buffer = await subject.open(3)
      const consume = async (consumer: number): Promise<unknown[]> => {
        const ids: unknown[] = []
        for await (const delivery of buffer.pull(never, consumer)) {
          if (consumer > 0) await delay(Math.random() * consumer)
          ids.push(...idsOf(delivery.batch))
          delivery.ack()
        }
        return ids
      }
      const consuming = [0, 1, 2].map(consume)
      for (let first = 0; first < 900; first += 10) await buffer.push(kilobytes(10, first), () => undefined, never)
      buffer.end()
      expect(await Promise.all(consuming)).toEqual([numbers(900), numbers(900), numbers(900)])
      expect(buffer.depth()).toEqual({ messages: 0, bytes: 0, dropped: 0 })
    })

    it('keeps payloads, what is known of them, and positions', async () => {
      await using buffer = await subject.open(1)
      const texts = ['{"a":12345678901234567890.10}', '"ü\u0000"', 'null', '', '{not json']
      const payloads = texts.map((text) => new TextEncoder().encode(text))
      const metas = [{ id: 'a', key: 'ü"', route: '__proto__' }, {}, { id: '' }, { key: '\ud800' }, { route: 'cold' }]
      await buffer.push(bytesBatch(payloads, { position: { page: [1, null] }, metas }), () => undefined, never)
      await buffer.push(valueBatch([{ b: 1 }, 'two', null]), () => undefined, never)
      buffer.end()
      const [one, two] = await takeSome(buffer.pull(never), 3)
      if (one === undefined || two === undefined) throw new Error('two batches were pushed')
      const texted = numbers(texts.length).map((index) => new TextDecoder().decode(one.batch.bytes(index)))
      expect(texted).toEqual(texts)
      expect(one.batch.position).toEqual({ page: [1, null] })
      expect(numbers(5).map((index) => one.batch.meta(index))).toEqual(metas)
      expect(JSON.stringify(one.batch.value(0))).toBe(texts[0])
      expect(() => one.batch.value(4)).toThrow(expect.objectContaining({ code: 'message_invalid' }))
      expect(two.batch.values()).toEqual([{ b: 1 }, 'two', null])
      expect(two.batch.position).toBeUndefined()
      expect(numbers(3).map((index) => two.batch.meta(index))).toEqual([{}, {}, {}])
    })

    it('acknowledges pushes once each and in their order', async () => {
      await using buffer = await subject.open(2)
      const acked: number[] = []
      for (const index of numbers(6)) {
        const batch = index === 3 ? valueBatch([]) : kilobytes(2, index)
        await buffer.push(batch, () => acked.push(index), never)
      }
      buffer.end()
      const [one, two] = await Promise.all([takeSome(buffer.pull(never, 0), 9), takeSome(buffer.pull(never, 1), 9)])
      if (!traits.durable) expect(acked).toEqual([])
      acknowledge([...one.toReversed(), ...two.slice(0, 2), ...two.slice(2).toReversed()])
      await expect.poll(() => acked, { timeout: 10_000 }).toEqual(numbers(6))
    })

    it('speaks for no batch that a consumer has not acknowledged, unless it is durable', async () => {
      await using buffer = await subject.open(2)
      const acked: number[] = []
      for (const index of numbers(3)) await buffer.push(kilobytes(1, index), () => acked.push(index), never)
      const fast = await takeSome(buffer.pull(never, 0), 3)
      const slow = await takeSome(buffer.pull(never, 1), 3)
      acknowledge(fast)
      slow[1]?.ack()
      if (traits.durable) return await expect.poll(() => acked, { timeout: 10_000 }).toEqual([0, 1, 2])
      expect(acked).toEqual([])
      slow[0]?.ack()
      expect(acked).toEqual([0, 1])
    })

    it('holds the source back when it is full, until the slowest consumer makes room', async () => {
      await using buffer = await subject.open(2)
      let pushed = 0
      const filling = (async () => {
        for (; pushed < 300; pushed += 1) await buffer.push(kilobytes(10, pushed * 10), () => undefined, never)
        buffer.end()
      })()
      await expect
        .poll(async () => {
          const before = pushed
          await delay(100)
          return pushed > 3 && before === pushed
        })
        .toBe(true)
      const filled = pushed
      expect(filled).toBeLessThan(200)
      const fast = drain(buffer, 0)
      await delay(100)
      expect(pushed).toBe(filled)
      expect(buffer.depth().messages).toBe(filled * 10)
      const [one, two] = await Promise.all([drain(buffer, 1), fast, filling])
      expect([one, two]).toEqual([numbers(3_000), numbers(3_000)])
    })

    it('lets a batch that is larger than it pass alone', async () => {
      await using buffer = await subject.open(1)
      const pushing = (async () => {
        for (const first of [0, 2_500, 5_000]) await buffer.push(kilobytes(2_500, first), () => undefined, never)
        buffer.end()
      })()
      expect(await drain(buffer)).toEqual(numbers(7_500))
      await pushing
    })

    it('ends each pull when it has given everything, those that wait and those that come later', async () => {
      await using buffer = await subject.open(2)
      const waiting = drain(buffer, 0)
      await buffer.push(kilobytes(3), () => undefined, never)
      await delay(20)
      buffer.end()
      buffer.end()
      expect(await waiting).toEqual([0, 1, 2])
      expect(await drain(buffer, 1)).toEqual([0, 1, 2])
      expect(await drain(buffer, 1)).toEqual([])
    })

    it("throws the signal's reason when a pull is aborted, and the next one goes on behind what was given", async () => {
      await using buffer = await subject.open(1)
      const reason = new Error('enough')
      const abort = new AbortController()
      for (const first of [0, 1, 2]) await buffer.push(kilobytes(1, first), () => undefined, never)
      const seen: unknown[] = []
      const pulling = (async () => {
        for await (const delivery of buffer.pull(abort.signal)) {
          seen.push(...idsOf(delivery.batch))
          delivery.ack()
          if (seen.length === 2) abort.abort(reason)
        }
      })()
      await expect(pulling).rejects.toBe(reason)
      await expect(buffer.pull(AbortSignal.abort(reason))[Symbol.asyncIterator]().next()).rejects.toBe(reason)
      buffer.end()
      expect(await drain(buffer)).toEqual([2])
    })

    it('throws the reason for a pull that waits, and for a push that waits, and takes nothing of the latter', async () => {
      await using buffer = await subject.open(1)
      const reason = new Error('enough')
      const abort = new AbortController()
      const pulling = takeSome(buffer.pull(abort.signal), 1)
      await delay(10)
      abort.abort(reason)
      await expect(pulling).rejects.toBe(reason)
      const stop = new AbortController()
      let pushed = 0
      const filling = (async () => {
        for (; ; pushed += 1) await buffer.push(kilobytes(10, pushed * 10), () => undefined, stop.signal)
      })()
      setTimeout(() => stop.abort(reason), 300)
      await expect(filling).rejects.toBe(reason)
      await expect(buffer.push(kilobytes(1), () => undefined, AbortSignal.abort(reason))).rejects.toBe(reason)
      buffer.end()
      expect(await drain(buffer)).toEqual(numbers(pushed * 10))
    })

    it('says how full it is, what was given but not acknowledged included', async () => {
      await using buffer = await subject.open(2)
      expect(buffer.depth()).toEqual({ messages: 0, bytes: 0, dropped: 0 })
      const batch = bytesBatch(numbers(4).map(() => new Uint8Array(100)))
      for (const _ of numbers(3)) await buffer.push(batch, () => undefined, never)
      const full = { messages: 12, bytes: 1_200, dropped: 0 }
      expect(buffer.depth()).toEqual(full)
      const [one, two] = [await takeSome(buffer.pull(never, 0), 3), await takeSome(buffer.pull(never, 1), 3)]
      acknowledge(one)
      expect(buffer.depth()).toEqual(full)
      two[0]?.ack()
      expect(buffer.depth()).toEqual({ messages: 8, bytes: 800, dropped: 0 })
    })

    it('answers a ping, and is disposed twice, whoever waits for it', async () => {
      const buffer = await subject.open(1)
      await buffer.ping(never)
      const pulling = drain(buffer)
      await buffer.push(kilobytes(1), () => undefined, never)
      await delay(30)
      await Promise.all([buffer[Symbol.asyncDispose](), buffer[Symbol.asyncDispose]()])
      await buffer[Symbol.asyncDispose]()
      expect(await pulling).toEqual([0])
    })
  })
}
