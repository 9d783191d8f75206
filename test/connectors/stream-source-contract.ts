import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Batch } from '../../src/stream/batch.ts'
import type { Source } from '../../src/stream/source.ts'
import { never } from './opened.ts'

export interface StreamSubject extends AsyncDisposable {
  /** Opens the source afresh. */
  open(): Promise<Source>
  /** Makes the messages with these numbers come next; each is an object with its number as `id`, or as that of `after`. */
  give(from: number, to: number): Promise<void>
  /** It gives a position with each batch and goes on behind it; else every batch is without one. */
  readonly resumes: boolean
  /** It always has more to give: nobody ever waits for it. */
  readonly endless?: boolean
  /** It knows its messages again: each has an id, the same when it comes again. */
  readonly hasIds?: boolean
}

interface Taken {
  readonly ids: readonly number[]
  readonly metaIds: readonly (string | undefined)[]
  /** Behind each batch: how many messages there were so far. */
  readonly positions: readonly { readonly after: number; readonly position: unknown }[]
}

const idOf = (value: unknown): number => {
  const { id, after } = value as { id?: number; after?: { id: number } }
  return id ?? after?.id ?? Number.NaN
}
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

/** Reads at least so many messages, then stops. `reached` is called with the count after each batch. */
export async function take(
  source: Source,
  count: number,
  from?: unknown,
  reached: (taken: number) => void | Promise<void> = () => {},
): Promise<Taken> {
  const stop = new AbortController()
  const batches: Batch[] = []
  const positions: { after: number; position: unknown }[] = []
  let after = 0
  for await (const batch of source.read(from, stop.signal, never)) {
    // Says no more than where the source stands.
    if (batch.size === 0) continue
    batches.push(batch)
    after += batch.size
    positions.push({ after, position: batch.position })
    if (after >= count) stop.abort()
    else await reached(after)
  }
  const each = batches.flatMap((batch) => batch.values().map((value, index) => ({ batch, value, index })))
  return {
    ids: each.map(({ value }) => idOf(value)),
    metaIds: each.map(({ batch, index }) => batch.meta(index).id),
    positions,
  }
}

/** What every source that never ends must do. */
export function streamSourceContract(name: string, prepare: () => Promise<StreamSubject>): void {
  describe(`${name} as a source that never ends`, () => {
    let subject: StreamSubject
    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(() => subject[Symbol.asyncDispose]())

    it('gives what is there and what comes, in order, as bytes and as values', async () => {
      await using source = await subject.open()
      await subject.give(0, 1_500)
      let given = 1_500
      const { ids } = await take(source, 2_500, undefined, async (taken) => {
        if (taken < given || given >= 2_500) return
        given += 500
        await subject.give(given - 500, given)
      })
      expect(ids.slice(0, 2_500)).toEqual(numbers(0, 2_500))
    })

    it('says the same by bytes, values and length', async () => {
      await using source = await subject.open()
      await subject.give(0, 50)
      const stop = new AbortController()
      let count = 0
      for await (const batch of source.read(undefined, stop.signal, never)) {
        for (let index = 0; index < batch.size; index++) {
          const bytes = batch.bytes(index)
          expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(batch.value(index))
          expect(batch.values()[index]).toEqual(batch.value(index))
        }
        if (batch.size > 0) expect(batch.byteLength).toBeGreaterThan(0)
        count += batch.size
        if (count >= 50) stop.abort()
      }
    })

    it('goes on behind every position, after it went through JSON and a restart', async () => {
      await using source = await subject.open()
      await subject.give(0, 3_300)
      const all = await take(source, 3_300)
      if (!subject.resumes) {
        expect(all.positions.every(({ position }) => position === undefined)).toBe(true)
        return
      }
      expect(all.positions.length).toBeGreaterThan(2)
      for (const { after, position } of all.positions) {
        const wanted = 3_300 - after
        if (wanted <= 0) continue
        await using again = await subject.open()
        const rest = await take(again, wanted, JSON.parse(JSON.stringify(position)))
        expect(rest.ids.slice(0, wanted)).toEqual(numbers(after, 3_300))
        if (subject.hasIds === true) {
          expect(rest.metaIds.slice(0, wanted)).toEqual(all.metaIds.slice(after, 3_300))
          expect(new Set(all.metaIds).size).toBe(all.metaIds.length)
        }
      }
    })

    it('ends after the batch in hand when it is to stop, and the rest is there later', async () => {
      await using source = await subject.open()
      await subject.give(0, 3_000)
      const first = await take(source, 1)
      expect(first.positions).toHaveLength(1)
      const rest = await take(source, 3_000 - first.ids.length, first.positions[0]?.position)
      expect([...first.ids, ...rest.ids].slice(0, 3_000)).toEqual(numbers(0, 3_000))
    })

    it('gives nothing when it is to stop already', async () => {
      await using source = await subject.open()
      await subject.give(0, 10)
      expect(await Array.fromAsync(source.read(undefined, AbortSignal.abort(), never))).toEqual([])
    })

    it('stops while it waits', async () => {
      await using source = await subject.open()
      if (subject.endless === true) return
      const stop = new AbortController()
      const reading = Array.fromAsync(source.read(undefined, stop.signal, never))
      setTimeout(() => stop.abort(), 50)
      expect((await reading).filter(({ size }) => size > 0)).toEqual([])
    })

    it("throws the signal's reason when it is aborted, also while it waits", async () => {
      const reason = new Error('enough')
      const readAll = async (source: Source, abort: AbortController, now: boolean): Promise<void> => {
        for await (const _ of source.read(undefined, never, abort.signal)) if (now) abort.abort(reason)
      }
      await using source = await subject.open()
      if (subject.endless !== true) {
        const waiting = new AbortController()
        setTimeout(() => waiting.abort(reason), 50)
        await expect(readAll(source, waiting, false)).rejects.toBe(reason)
      }
      await subject.give(0, 10)
      await expect(readAll(source, new AbortController(), true)).rejects.toBe(reason)
      const already = new AbortController()
      already.abort(reason)
      await expect(readAll(source, already, false)).rejects.toBe(reason)
    })

    it('can be pinged, is disposed twice, and ends when it is disposed while it is read', async () => {
      const source = await subject.open()
      await source.ping(never)
      await subject.give(0, 10)
      for await (const _ of source.read(undefined, never, never)) await source[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
    })
  })
}
