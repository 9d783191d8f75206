import { expect, it } from 'vitest'
import type { Batch } from '../../src/stream/batch.ts'
import type { DeadLetter } from '../../src/stream/dead-letter.ts'
import { letterSink } from '../../src/stream/letter-sink.ts'
import type { Rejection, Sink } from '../../src/stream/sink.ts'

const never = new AbortController().signal

function letter(payload: string | Uint8Array, about: Partial<DeadLetter> = {}): DeadLetter {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
  const at = Date.UTC(2026, 0, 2)
  return { payload: bytes, meta: {}, reason: 'no price', stage: 'validate', attempts: 1, at, ...about }
}

function world(refuses: (value: unknown) => boolean = () => false) {
  const batches: Batch[] = []
  const table: DeadLetter[] = []
  const state = { writing: 0, most: 0, isAway: false }
  const sink: Sink = {
    write: async (batch) => {
      state.writing += 1
      state.most = Math.max(state.most, state.writing)
      await new Promise((resolve) => setTimeout(resolve, 5))
      state.writing -= 1
      if (state.isAway) throw new Error('away')
      batches.push(batch)
      return batch
        .values()
        .flatMap((value, index): Rejection[] => (refuses(value) ? [{ index, reason: 'not this one' }] : []))
    },
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  const otherwise = { write: async (letters: readonly DeadLetter[]) => void table.push(...letters) }
  return { letters: letterSink({ workflow: 'w', sink, otherwise }), batches, table, state }
}

it('a letter is a message with all there is of it', async () => {
  const { letters, batches } = world()
  const bytes = new Uint8Array([0xff, 0x00])
  const meta = { id: 'm1', key: 'AAPL', route: 'cold' }
  await letters.write([letter('{"a":1}', { meta, position: { line: 3 } }), letter(bytes)], never)
  const about = { workflow: 'w', at: '2026-01-02T00:00:00.000Z', stage: 'validate', reason: 'no price', attempts: 1 }
  expect(batches[0]?.values()).toStrictEqual([
    { ...about, ...meta, position: { line: 3 }, payload: '{"a":1}', encoding: 'utf-8' },
    { ...about, payload: '/wA=', encoding: 'base64' },
  ])
})

it('the same letter has the same id, and letters of one message at two stages have two', async () => {
  const { letters, batches } = world()
  const meta = { id: 'm1', key: 'AAPL' }
  await letters.write([letter('1', { meta }), letter('1', { meta }), letter('1', { meta, stage: 'sinks.a' })], never)
  const [batch] = batches
  expect([0, 1, 2].map((index) => batch?.meta(index))).toStrictEqual([
    { id: 'validate/m1', key: 'AAPL' },
    { id: 'validate/m1', key: 'AAPL' },
    { id: 'sinks.a/m1', key: 'AAPL' },
  ])
})

it('what the sink refuses goes into the table', async () => {
  const { letters, table } = world((value) => (value as { payload: string }).payload === '2')
  await letters.write([letter('1'), letter('2'), letter('3')], never)
  expect(table.map(({ payload }) => new TextDecoder().decode(payload))).toStrictEqual(['2'])
})

it('writes one after the other, and a failure is that write alone', async () => {
  const { letters, batches, state } = world()
  state.isAway = true
  const first = letters.write([letter('1')], never)
  const second = letters.write([letter('2')], never).then(() => 'written')
  await expect(first).rejects.toThrow('away')
  state.isAway = false
  expect(await second).toBe('written')
  expect([batches.length, state.most]).toStrictEqual([1, 1])
})

it('nothing is written after an abort', async () => {
  const { letters, batches } = world()
  await expect(letters.write([letter('1')], AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
  expect(batches).toHaveLength(0)
})
