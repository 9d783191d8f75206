import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Source } from '../../src/stream/source.ts'
import { eventually, reading } from './open-pushed.ts'
import { never } from './opened.ts'

export interface PushedSubject extends AsyncDisposable {
  open(): Promise<Source>
  /** Has a message sent to the source that is read; resolves when it is on its way. */
  send(text: string): Promise<void>
}

/** What every source must do that is sent its messages, and cannot ask for them again. */
export function pushedSourceContract(name: string, prepare: () => Promise<PushedSubject>): void {
  describe(`${name} as a pushed source`, () => {
    let subject: PushedSubject
    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(() => subject[Symbol.asyncDispose]())

    const texts = Array.from({ length: 20 }, (_, index) => `{"n":${index},"text":"zwölf ≠ 12"}`)

    it('gives the bytes as they came, in order, each message soon', async () => {
      await using source = await subject.open()
      const read = reading(source)
      for (const [index, text] of texts.entries()) {
        await subject.send(text)
        await eventually(() => read.texts.length > index)
      }
      expect(read.texts).toEqual(texts)
      read.stop.abort()
      await read.ended
    })

    it('gives nothing when it is to stop already', async () => {
      await using source = await subject.open()
      expect(await Array.fromAsync(source.read(undefined, AbortSignal.abort(), never))).toEqual([])
    })

    it('ends when it is to stop: while it waits, and after the batch in hand', async () => {
      await using source = await subject.open()
      const waiting = reading(source)
      await subject.send('1')
      await eventually(() => waiting.texts.length === 1)
      waiting.stop.abort()
      await waiting.ended

      const stop = new AbortController()
      const sending = subject.send('2')
      let batches = 0
      for await (const _ of source.read(undefined, stop.signal, never)) {
        batches += 1
        await sending
        await subject.send('3')
        stop.abort()
      }
      expect(batches).toBe(1)
    })

    it("throws the signal's reason when it is aborted: while it waits, in hand, and before", async () => {
      const reason = new Error('enough')
      await using source = await subject.open()
      const read = reading(source)
      await subject.send('1')
      await eventually(() => read.texts.length === 1)
      read.abort.abort(reason)
      await expect(read.ended).rejects.toBe(reason)

      const abort = new AbortController()
      const sending = subject.send('2')
      const inHand = (async () => {
        for await (const _ of source.read(undefined, never, abort.signal)) abort.abort(reason)
      })()
      await expect(inHand).rejects.toBe(reason)
      await sending
      const before = (async () => {
        for await (const _ of source.read(undefined, never, AbortSignal.abort(reason))) throw new Error('it read')
      })()
      await expect(before).rejects.toBe(reason)
    })

    it('ends when it is disposed, twice if need be, and answers a ping before', async () => {
      const source = await subject.open()
      await source.ping(never)
      const read = reading(source)
      await subject.send('1')
      await eventually(() => read.texts.length === 1)
      await source[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
      await read.ended
    })
  })
}
