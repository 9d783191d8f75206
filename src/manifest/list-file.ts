import type { CsvError } from 'csv-parse/sync'
import type { Location } from '../errors.ts'
import { parseJsonVerbatim } from '../lossless-json.ts'
import { decodeText, maxFileBytes } from './decode.ts'
import { type FileDocuments, parseDocuments } from './documents.ts'
import { jsonElementPlaces } from './json-places.ts'
import { type ElementFault, type Elements, elementsOf, type List, type ListFile } from './list.ts'
import type { Problem } from './manifest.ts'
import { type Path, pathText } from './path.ts'
import { problem, startOf } from './problem.ts'
import { placeOf } from './yaml-place.ts'
import { valueOf } from './yaml-value.ts'

/** The problem of a list of `size` bytes, which is not read. */
export function listTooLarge(file: string, size: number): Problem {
  const megabytes = (size / 1_000_000).toFixed(1)
  return problem('file_too_large', `${file} has ${megabytes} MB; a list may have 1 MB`, startOf(file))
}

/** Reads the content of a list's file: CSV with a header, or a list in JSON or YAML. Never throws. */
export async function readList(bytes: Uint8Array, file: string): Promise<ListFile> {
  if (bytes.length > maxFileBytes) return { problems: [listTooLarge(file, bytes.length)] }
  const decoded = decodeText(bytes, file)
  if ('problem' in decoded) return { problems: [decoded.problem] }
  if (file.endsWith('.csv')) return readCsv(decoded.text, file)
  return file.endsWith('.json') ? readJson(decoded.text, file) : readYaml(decoded.text, file)
}

interface CsvRow {
  readonly record: readonly string[]
  /** The text of the row, and how many lines there are up to its end. */
  readonly raw: string
  readonly info: { readonly lines: number }
}

async function readCsv(text: string, file: string): Promise<ListFile> {
  const { parse } = await import('csv-parse/sync')
  const options = { info: true, raw: true, trim: true, skip_empty_lines: true, relax_column_count: true } as const
  let rows: readonly CsvRow[]
  try {
    rows = parse(text, options) as unknown as readonly CsvRow[]
  } catch (error) {
    const { message, lines } = error as CsvError & { readonly lines?: number }
    const what = message.replace(/^[^:]*: |, value is [^]*$/g, '')
    return { problems: [invalid(what, lineOf(file, lines ?? 1))] }
  }
  const [header, ...body] = rows
  if (header === undefined)
    return { problems: [invalid('it is empty; its first line must name the columns', startOf(file))] }
  const problems = [...headerProblems(header, file), ...body.flatMap((row) => rowProblems(row, header, file))]
  if (problems.length > 0) return { problems }
  const fields = header.record
  const found = elementsOf(body.map(({ record }) => Object.fromEntries(fields.map((field, i) => [field, record[i]]))))
  const lines = body.map(firstLine)
  const locate = (index: number): Location => lineOf(file, lines[index] ?? 1)
  if ('faults' in found)
    return { problems: found.faults.map(({ message, path }) => invalid(message, locate(Number(path[0])))) }
  return { elements: found.elements, fields, locate }
}

/** Where a row begins, which may be several lines before its end. */
function firstLine({ raw, info }: CsvRow): number {
  return info.lines - (raw.trim().match(/\r\n|\n|\r/g)?.length ?? 0)
}

function headerProblems(header: CsvRow, file: string): readonly Problem[] {
  const { record } = header
  const nameless = record.findIndex((name) => name === '')
  const twice = record.find((name, index) => record.indexOf(name) !== index)
  const at = lineOf(file, firstLine(header))
  if (nameless >= 0) return [invalid(`column ${nameless + 1} has no name`, at)]
  return twice === undefined ? [] : [invalid(`the column ${twice} is there twice`, at)]
}

function rowProblems(row: CsvRow, header: CsvRow, file: string): readonly Problem[] {
  const [columns, fields] = [header.record.length, row.record.length]
  if (columns === fields) return []
  return [invalid(`the row has ${fields} fields, the header names ${columns}`, lineOf(file, firstLine(row)))]
}

/** JSON is far quicker to read than YAML, which tells the places in it only when something is wrong. */
function readJson(text: string, file: string): ListFile {
  try {
    const list = listOf(parseJsonVerbatim(text), () => parseDocuments(text, file))
    if (!('elements' in list)) return list
    const places = jsonElementPlaces(text)
    return { ...list, locate: (index) => ({ file, ...(places[index] ?? { line: 1, column: 1 }) }) }
  } catch {
    return readYaml(text, file)
  }
}

function readYaml(text: string, file: string): ListFile {
  const parsed = parseDocuments(text, file)
  const [only, second] = parsed.documents
  if (only === undefined || second !== undefined) return { problems: [invalid('it must hold one list', startOf(file))] }
  const { value, faults } =
    only.faults.length > 0 ? { value: null, faults: only.faults } : valueOf(only.document, { isVerbatim: () => true })
  if (faults.length > 0) {
    return { problems: faults.map(({ code, message, offset }) => problem(code, message, parsed.locate(offset))) }
  }
  return listOf(value, () => parsed)
}

function listOf(value: unknown, parse: () => FileDocuments): ListFile {
  let parsed: FileDocuments | undefined
  const locate = (path: Path): Location => {
    parsed ??= parse()
    const [only] = parsed.documents
    return parsed.locate(only === undefined ? 0 : placeOf(only.document, path).value)
  }
  if (!Array.isArray(value)) return { problems: [invalid(notList(value), locate([]))] }
  const found: Elements = elementsOf(value)
  if ('faults' in found) return { problems: found.faults.map((fault) => faultProblem(fault, locate)) }
  const { elements, fields } = found
  return { elements, fields, locate: (index) => locate([index]) } satisfies List
}

function notList(value: unknown): string {
  const isManifest = typeof value === 'object' && value !== null && 'apiVersion' in value
  return isManifest ? 'it is a manifest, not a list' : 'it must hold a list'
}

function faultProblem({ message, path }: ElementFault, locate: (path: Path) => Location): Problem {
  return invalid(`${pathText(path)} ${message}`, locate(path))
}

function invalid(message: string, at: Location): Problem {
  return problem('list_invalid', message, at)
}

function lineOf(file: string, line: number): Location {
  return { file, line, column: 1 }
}
