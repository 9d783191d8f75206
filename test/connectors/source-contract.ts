import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Source } from '../../src/stream/source.ts'
import { batches, never, records } from './opened.ts'

export interface SourceSubject extends AsyncDisposable {
  /** Opens the source afresh; it gives the same records each time, in at least three batches. */
  open(): Promise<Source>
  readonly expected: readonly unknown[]
}

/** What every source that ends must do. */
export function sourceContract(name: string, prepare: () => Promise<SourceSubject>): void {
  describe(`${name} as a source`, () => {
    let subject: SourceSubject
    beforeAll(async () => {
      subject = await prepare()
    })
    afterAll(() => subject[Symbol.asyncDispose]())

    it('gives all records in order, and again when read again', async () => {
      await using source = await subject.open()
      expect(await records(source)).toEqual(subject.expected)
      expect(await records(source)).toEqual(subject.expected)
    })

    it('goes on behind every position, after it went through JSON and a restart', async () => {
      await using source = await subject.open()
      const all = await batches(source)
      expect(all.length).toBeGreaterThan(2)
      let behind = 0
      for (const batch of all) {
        behind += batch.size
        expect(batch.position).toBeDefined()
        await using again = await subject.open()
        const position: unknown = JSON.parse(JSON.stringify(batch.position))
        expect(await records(again, position)).toEqual(subject.expected.slice(behind))
      }
    })

    it('ends after the batch in hand when it is to stop, and the rest is there later', async () => {
      await using source = await subject.open()
      const stop = new AbortController()
      const taken: unknown[] = []
      let position: unknown
      for await (const batch of source.read(undefined, stop.signal, never)) {
        taken.push(...batch.values())
        position = batch.position
        stop.abort()
      }
      expect(taken.length).toBeLessThan(subject.expected.length)
      expect([...taken, ...(await records(source, position))]).toEqual(subject.expected)
    })

    it('gives nothing when it is to stop already', async () => {
      await using source = await subject.open()
      expect(await Array.fromAsync(source.read(undefined, AbortSignal.abort(), never))).toEqual([])
    })

    it("throws the signal's reason when it is aborted", async () => {
      await using source = await subject.open()
      const abort = new AbortController()
      const reason = new Error('enough')
      const reading = (async () => {
        for await (const _ of source.read(undefined, never, abort.signal)) abort.abort(reason)
      })()
      await expect(reading).rejects.toBe(reason)
    })

    it('answers a ping and is disposed twice', async () => {
      const source = await subject.open()
      await source.ping(never)
      await source[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
    })
  })
}
