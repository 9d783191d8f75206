import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch, valueBatch } from '../../src/stream/batches.ts'
import type { Sink } from '../../src/stream/sink.ts'
import { never } from './opened.ts'

export interface SinkSubject extends AsyncDisposable {
  /** Opens the sink afresh, on the same destination. */
  open(): Promise<Sink>
  /** The messages at the destination, in order of their arrival; absent where there is nothing to look at. */
  written?(): Promise<readonly unknown[]>
  /** A message that this sink never takes; absent where it takes every one. */
  readonly refused?: unknown
  /** From now on the destination takes nothing and does not answer; absent where that cannot be brought about. */
  stall?(): Promise<void>
  /** Writes the same message once, however often it comes: by its id. */
  readonly once?: boolean
  /** Takes several writes at once; they are then in the order in which they began. */
  readonly several?: boolean
}

const encoder = new TextEncoder()
const message = (id: number): unknown => ({ id, name: `n${id}`, note: id % 3 === 0 ? 'a,"b"\né' : 'plain' })
const messages = (from: number, to: number): unknown[] =>
  Array.from({ length: to - from }, (_, index) => message(from + index))

const metas = (values: readonly unknown[]): { readonly id: string }[] =>
  values.map((value, index) => ({ id: String((value as { id?: number } | null)?.id ?? `x${index}`) }))

/** The same messages as values, and as bytes. */
export const forms: Readonly<Record<'values' | 'bytes', (values: readonly unknown[]) => Batch>> = {
  values: (values) => valueBatch(values, undefined, metas(values)),
  bytes: (values) =>
    bytesBatch(
      values.map((value) => encoder.encode(JSON.stringify(value))),
      { metas: metas(values) },
    ),
}

/** What every sink must do. */
export function sinkContract(name: string, prepare: () => Promise<SinkSubject>): void {
  describe(`${name} as a sink`, () => {
    let subject: SinkSubject
    beforeEach(async () => {
      subject = await prepare()
    })
    afterEach(() => subject[Symbol.asyncDispose]())

    const expectWritten = async (expected: readonly unknown[]): Promise<void> => {
      if (subject.written !== undefined) expect(await subject.written()).toEqual(expected)
    }

    for (const [form, batchOf] of Object.entries(forms)) {
      it(`writes batches of ${form} in order, and has each when it has resolved`, async () => {
        await using sink = await subject.open()
        for (const [from, to] of [
          [0, 1],
          [1, 1_001],
          [1_001, 1_003],
        ] as const) {
          expect(await sink.write(batchOf(messages(from, to)), never)).toEqual([])
          await expectWritten(messages(0, to))
        }
      })
    }

    it('keeps the order of writes that are under way at once', async () => {
      if (subject.several !== true) return
      await using sink = await subject.open()
      const parts = Array.from({ length: 20 }, (_, part) => ({ from: part * (part + 1), to: (part + 1) * (part + 2) }))
      const forBoth = parts.map(({ from, to }, part) =>
        (part % 2 === 0 ? forms.bytes : forms.values)(messages(from, to)),
      )
      const written = await Promise.all(forBoth.map((batch) => sink.write(batch, never)))
      expect(written.flat()).toEqual([])
      await expectWritten(messages(0, parts.at(-1)?.to ?? 0))
    })

    it('takes an empty batch', async () => {
      await using sink = await subject.open()
      expect(await sink.write(valueBatch([]), never)).toEqual([])
      expect(await sink.write(forms.bytes([]), never)).toEqual([])
      expect(await sink.write(forms.bytes(messages(0, 2)), never)).toEqual([])
      await expectWritten(messages(0, 2))
    })

    it('names the messages that it does not take, and takes the others', async () => {
      if (subject.refused === undefined) return
      await using sink = await subject.open()
      const values = [subject.refused, message(1), message(2), subject.refused, message(4)]
      for (const [round, batchOf] of [forms.values, forms.bytes].entries()) {
        const rejections = await sink.write(batchOf(values), never)
        expect(rejections.map(({ index }) => index)).toEqual([0, 3])
        for (const { reason, retryable } of rejections) {
          expect(reason).toMatch(/\S/)
          expect(retryable ?? false).toBe(false)
        }
        const taken = [message(1), message(2), message(4)]
        await expectWritten(round === 0 || subject.once === true ? taken : [...taken, ...taken])
      }
      expect((await sink.write(forms.values([subject.refused]), never)).length).toBe(1)
    })

    it("throws the signal's reason when it was aborted, and writes nothing", async () => {
      await using sink = await subject.open()
      const reason = new Error('enough')
      await expect(sink.write(forms.values(messages(0, 3)), AbortSignal.abort(reason))).rejects.toBe(reason)
      await expectWritten([])
      expect(await sink.write(forms.values(messages(0, 3)), never)).toEqual([])
      await expectWritten(messages(0, 3))
    })

    it("gives up with the signal's reason while the destination does not answer", async () => {
      if (subject.stall === undefined) return
      await using sink = await subject.open()
      await subject.stall()
      const abort = new AbortController()
      const reason = new Error('enough')
      setTimeout(() => abort.abort(reason), 50)
      await expect(sink.write(forms.values(messages(0, 3)), abort.signal)).rejects.toBe(reason)
    })

    it('can be pinged, which writes nothing, and is disposed twice', async () => {
      const sink = await subject.open()
      await sink.ping(never)
      await expectWritten([])
      await sink[Symbol.asyncDispose]()
      await sink[Symbol.asyncDispose]()
    })

    it('goes on after a crash, and nothing that it took is gone', async () => {
      const crashed = await subject.open()
      expect(await crashed.write(forms.bytes(messages(0, 500)), never)).toEqual([])
      await using sink = await subject.open()
      expect(await sink.write(forms.values(messages(500, 900)), never)).toEqual([])
      await expectWritten(messages(0, 900))
      await crashed[Symbol.asyncDispose]()
      await expectWritten(messages(0, 900))
    })

    it('goes on after it was closed', async () => {
      for (const [from, to] of [
        [0, 10],
        [10, 20],
      ] as const) {
        await using sink = await subject.open()
        await sink.write(forms.values(messages(from, to)), never)
      }
      await expectWritten(messages(0, 20))
    })
  })
}
