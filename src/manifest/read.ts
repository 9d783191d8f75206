import type { ErrorCode, Location } from '../errors.ts'
import { decodeText, fileTooLarge, maxFileBytes } from './decode.ts'
import { type FileDocument, parseDocuments } from './documents.ts'
import type { KindDefinition } from './kind.ts'
import type { Manifest, Problem } from './manifest.ts'
import { parsedManifest } from './parsed-manifest.ts'
import { pathText } from './path.ts'
import { problem, startOf } from './problem.ts'
import { type Finding, findingPath, type KnownKind, type ValidDocument, validateDocument } from './validate.ts'
import { validatorOf } from './validator.ts'
import { placeOf } from './yaml-place.ts'
import { valueOf } from './yaml-value.ts'

/** What a file declares, and all that is wrong in it. Good documents stand in `manifests` even beside bad ones. */
export interface ReadResult {
  readonly manifests: readonly Manifest[]
  readonly problems: readonly Problem[]
}

/** Reads the content of one file, in bytes or already as text; `file` is the name that places carry. Never throws. */
export type ReadManifests = (content: string | Uint8Array, file: string) => ReadResult

/** More problems of one file than this are only counted. */
const maxProblems = 200

/** A reader that knows these kinds; each schema is compiled once. */
export function manifestReader(definitions: readonly KindDefinition[]): ReadManifests {
  const kinds = new Map(definitions.map((each) => [each.kind, { definition: each, validate: validatorOf(each) }]))
  return (content, file) => {
    const decoded = decode(content, file)
    if ('problem' in decoded) return { manifests: [], problems: [decoded.problem] }
    return readText(decoded.text, file, kinds)
  }
}

function decode(content: string | Uint8Array, file: string): { readonly text: string } | { readonly problem: Problem } {
  if (typeof content !== 'string') return decodeText(content, file)
  if (content.length > maxFileBytes) return { problem: fileTooLarge(file, content.length) }
  return { text: content.replace(/^\uFEFF/, '') }
}

function readText(text: string, file: string, kinds: ReadonlyMap<string, KnownKind>): ReadResult {
  const { documents, locate } = parseDocuments(text, file)
  const manifests: Manifest[] = []
  const problems: Problem[] = []
  for (const each of documents) {
    const reading: DocumentReading = { ...each, text, locate, problems: [] }
    const manifest = readDocument(reading, kinds)
    if (manifest !== undefined) manifests.push(manifest)
    problems.push(...reading.problems.toSorted(byPlace))
  }
  return { manifests, problems: limited(problems, file) }
}

interface DocumentReading extends FileDocument {
  readonly text: string
  readonly problems: Problem[]
  readonly locate: (offset: number) => Location
}

function readDocument(reading: DocumentReading, kinds: ReadonlyMap<string, KnownKind>): Manifest | undefined {
  const { document, problems } = reading
  const { value, faults } = reading.faults.length > 0 ? { value: undefined, faults: reading.faults } : valueOf(document)
  for (const { code, message, offset, path } of faults) {
    const details = path === undefined || path.length === 0 ? {} : { path: pathText(path) }
    problems.push(problem(code, message, reading.locate(offset), details))
  }
  if (faults.some(({ code }) => isFatal(code)) || value === null || value === undefined) return undefined
  for (const finding of validateDocument(value, kinds)) problems.push(findingProblem(finding, reading))
  if (problems.length > 0) return undefined
  const manifest = manifestOf(value as ValidDocument, reading)
  problems.push(...(kinds.get(manifest.kind)?.definition.check?.(manifest) ?? []))
  return problems.length > 0 ? undefined : manifest
}

/** Without its whole content, a document is not worth validating: half of what would be said is not true. */
function isFatal(code: ErrorCode): boolean {
  return code === 'yaml_syntax' || code === 'yaml_alias_bomb'
}

function manifestOf(document: ValidDocument, { text, start, end, locate, ...reading }: DocumentReading): Manifest {
  const at = locate(placeOf(reading.document, []).value)
  return parsedManifest(document, text.slice(start, end), locate(start).line, at)
}

function findingProblem(finding: Finding, { document, text, locate }: DocumentReading): Problem {
  const place = placeOf(document, finding.path)
  const value = text.slice(place.value, place.end)
  const inside = finding.offset === undefined ? 0 : offsetInside(value, finding.offset)
  const at = locate(finding.on === 'key' ? place.key : place.value + inside)
  const path = findingPath(finding)
  const { code, message, fix } = finding
  return problem(code, message, at, { ...(path === undefined ? {} : { path }), ...(fix === undefined ? {} : { fix }) })
}

/** Where the character `offset` of a scalar stands in its source; its start when the source is not one plain line. */
function offsetInside(source: string, offset: number): number {
  const isPlain = !/[\n\\]|''/.test(source) && !/^[|>&!]/.test(source)
  return isPlain ? offset + (/^["']/.test(source) ? 1 : 0) : 0
}

function byPlace(a: Problem, b: Problem): number {
  return a.at.line - b.at.line || a.at.column - b.at.column
}

function limited(problems: readonly Problem[], file: string): readonly Problem[] {
  if (problems.length <= maxProblems) return problems
  const [first] = problems
  const message = `${file} has ${problems.length - maxProblems} more problems, which are not shown`
  return [...problems.slice(0, maxProblems), problem('invalid_value', message, first?.at ?? startOf(file))]
}
