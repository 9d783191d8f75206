import type { Batch } from '../../stream/batch.ts'
import type { Rejection } from '../../stream/sink.ts'
import type { Encode } from './line-buffer.ts'

/** How CSV is written. */
export interface CsvFormat {
  readonly columns: readonly string[]
  readonly delimiter: string
}

/** The line with the names of the columns. */
export function csvHeader(format: CsvFormat): string {
  return `${format.columns.map((name) => fieldOf(name, format.delimiter)).join(format.delimiter)}\n`
}

/**
 * A row for each message, by RFC 4180 with a bare line feed: null and what is absent are empty, an empty text is `""`,
 * lists and objects are JSON. A message that is no object is rejected.
 */
export function csvEncoder(format: CsvFormat): Encode {
  return (batch, into) => {
    const rejections: Rejection[] = []
    for (let index = 0; index < batch.size; index++) {
      const row = rowOf(batch, index, format)
      if (typeof row === 'string') into.addText(row)
      else rejections.push(row)
    }
    return rejections
  }
}

function rowOf(batch: Batch, index: number, { columns, delimiter }: CsvFormat): string | Rejection {
  try {
    const value = batch.value(index)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { index, reason: 'the message is not an object, so it has no columns' }
    }
    const record = value as Readonly<Record<string, unknown>>
    const own = (name: string): unknown => (Object.hasOwn(record, name) ? record[name] : undefined)
    const row = columns.map((name) => fieldOf(own(name), delimiter)).join(delimiter)
    // Readers pass over an empty line.
    return row === '' ? '""\n' : `${row}\n`
  } catch (error) {
    return { index, reason: error instanceof Error ? error.message : String(error) }
  }
}

function fieldOf(value: unknown, delimiter: string): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const quoted = text === '' || text.includes(delimiter) || /["\r\n]|^\s|\s$/.test(text)
  return quoted ? `"${text.replaceAll('"', '""')}"` : text
}
