import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { CsvError, Options, Parser } from 'csv-parse'
import type { HermesError } from '../../errors.ts'
import { csvValue } from './csv-value.ts'
import { readBytes } from './file-bytes.ts'
import type { FileSourceConfig } from './file-config.ts'
import { invalidFile } from './file-error.ts'

type Row = readonly string[]

/** The rows of a CSV file as records, in portions as they are read. */
export async function* readCsv(
  file: string,
  config: FileSourceConfig,
  signal: AbortSignal,
): AsyncGenerator<readonly unknown[]> {
  const { Parser } = await import('csv-parse')
  const parser = new Parser(options(file, config))
  const nulls = new Set(config.csv.nulls)
  let names: Row | undefined
  for await (const rows of parsedRows(parser, readBytes(file, signal), file)) {
    const header = config.csv.header && names === undefined ? rows[0] : undefined
    names ??= columnNames(header ?? rows[0]?.map(() => '') ?? [], file)
    const body = header === undefined ? rows : rows.slice(1)
    const columns = names
    if (body.length > 0) yield body.map((row) => recordOf(columns, row, nulls))
  }
}

function options(file: string, { csv, maxBytes }: FileSourceConfig): Options {
  const tabs = /\.tsv(\.gz|\.zst)?$/.test(file)
  return {
    delimiter: csv.delimiter ?? (tabs ? '\t' : ','),
    quote: csv.quote === '' ? null : csv.quote,
    skip_empty_lines: true,
    max_record_size: Math.min(maxBytes, 2 ** 24),
  }
}

/** Feeds the parser and takes what it has, many rows at a time: a promise per portion, none per row. */
async function* parsedRows(
  parser: Parser,
  chunks: AsyncIterable<Buffer>,
  file: string,
): AsyncGenerator<readonly Row[]> {
  let failure: CsvError | undefined
  parser.on('error', (error) => {
    failure ??= error as CsvError
  })
  const rows = (): Row[] => {
    const found = taken(parser)
    if (failure !== undefined) throw csvError(failure, file)
    return found
  }
  for await (const chunk of chunks) {
    parser.write(chunk)
    const portion = rows()
    if (portion.length > 0) yield portion
    if (parser.writableNeedDrain) await once(parser, 'drain').catch(() => undefined)
  }
  parser.end()
  await finished(parser, { readable: false }).catch(() => undefined)
  const last = rows()
  if (last.length > 0) yield last
}

function taken(parser: Parser): Row[] {
  const rows: Row[] = []
  for (let row = parser.read() as Row | null; row !== null; row = parser.read() as Row | null) rows.push(row)
  return rows
}

function columnNames(header: Row, file: string): Row {
  const names = header.map((name, index) => (name.trim() === '' ? `column_${index + 1}` : name.trim()))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw invalidFile(file, 1, `the column ${JSON.stringify(twice)} is there twice`)
  return names
}

function recordOf(names: Row, row: Row, nulls: ReadonlySet<string>): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const [index, name] of names.entries()) {
    const text = row[index] ?? ''
    record[name] = nulls.has(text) ? null : csvValue(text)
  }
  return record
}

function csvError(error: CsvError, file: string): HermesError {
  const line = typeof error['lines'] === 'number' ? error['lines'] : undefined
  switch (error.code) {
    case 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH': {
      const [, expected, found] = /expect (\d+), got (\d+)/.exec(error.message) ?? []
      return invalidFile(file, line, `the row has ${found} fields where others have ${expected}`)
    }
    case 'CSV_QUOTE_NOT_CLOSED':
      return invalidFile(file, line, 'a quote that was opened here or above is never closed')
    case 'CSV_MAX_RECORD_SIZE':
      return invalidFile(file, line, 'the row is too long: is a quote never closed, or the delimiter another one?')
    default:
      return invalidFile(file, line, error.message)
  }
}
