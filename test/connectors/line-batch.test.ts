import { describe, expect, it } from 'vitest'
import { encodeJsonLines, LineBuffer } from '../../src/connectors/sinks/line-buffer.ts'
import { findLines, LineBatch } from '../../src/connectors/sources/line-batch.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch, joined, pick, valueBatch, withMetas } from '../../src/stream/batches.ts'

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const plain = [
  '{"id":1,"price":0.125}',
  'null',
  '{"big":9007199254740993,"dec":0.12345678901234567891}',
  '1e999',
  '{"café":"ключ €"}',
  '\uFEFF{"marked":true}',
  '{"cut":',
  '{"replaced":"\uFFFD"}',
  deep(1_000),
  deep(1_001),
  `{"long":"${'é'.repeat(2_000)}"}`,
]

function linesOf(lines: readonly (string | Uint8Array)[]): { readonly lines: LineBatch; readonly each: Batch } {
  const payloads = lines.map((line) => Buffer.from(line))
  const block = Buffer.concat(payloads.flatMap((line) => [line, Buffer.from('\n')]))
  return { lines: new LineBatch(findLines(block, 0, 1_000, 1_000_000)), each: bytesBatch(payloads) }
}

function outcome(batch: Batch, index: number): string {
  try {
    return JSON.stringify(batch.value(index))
  } catch (error) {
    return String(error)
  }
}

const outcomes = (batch: Batch): readonly string[] =>
  Array.from({ length: batch.size }, (_, index) => outcome(batch, index))

describe('lines as messages', () => {
  it.each([
    ['of text', plain],
    ['of which one is no UTF-8', [...plain, new Uint8Array([0x22, 0xff, 0x22]), '{"after":1}']],
  ])('%s have the values that their bytes have', (_, given) => {
    const { lines, each } = linesOf(given)
    expect(outcomes(lines)).toEqual(outcomes(each))
    expect(outcomes(lines)).toEqual(outcomes(each))
  })

  it('make each value once', () => {
    const { lines } = linesOf(['{"id":1}', '[2]'])
    expect(lines.value(0)).toBe(lines.value(0))
    expect(lines.values()).toEqual([{ id: 1 }, [2]])
  })
})

describe('messages as lines', () => {
  const values = valueBatch([{ a: 'é\n' }, undefined, { id: 2n }, [1], 'x'])
  const picked = pick(valueBatch([1, 2, 3]), [2, 0])
  const batch = joined([values, picked, withMetas(bytesBatch([Buffer.from('{"b":\n1}')]), [{ id: 'i' }])])

  it('are the JSON of their values, or their bytes, whoever asks first', () => {
    const written = [1, 2, 3].map(() => {
      const lines = new LineBuffer()
      const rejections = encodeJsonLines(batch, lines)
      return { text: lines.bytes.toString(), refused: rejections.map(({ index }) => index) }
    })
    const text = '{"a":"é\\n"}\n[1]\n"x"\n3\n1\n{"b":1}\n'
    expect(written).toEqual([1, 2, 3].map(() => ({ text, refused: [1, 2] })))
  })
})
