import type { ErrorCode } from '../errors.ts'
import { decodeText, fileTooLarge, maxFileBytes } from './decode.ts'
import { definitionOf } from './definition.ts'
import { type DocumentReading, findingProblem, manifestOf } from './document-reading.ts'
import { parseDocuments } from './documents.ts'
import { type DocumentResult, generate } from './generate.ts'
import type { KindDefinition } from './kind.ts'
import type { ListFiles } from './list.ts'
import type { Manifest, Problem } from './manifest.ts'
import { type Path, pathText } from './path.ts'
import { problem, startOf } from './problem.ts'
import { isSecretFile, readSecretFile, type SecretFile } from './secret-file.ts'
import { type KnownKind, type ValidDocument, validateDocument } from './validate.ts'
import { validatorOf } from './validator.ts'
import { valueOf } from './yaml-value.ts'

/** What a file declares, and all that is wrong in it. Good documents stand in `manifests` even beside bad ones. */
export interface ReadResult {
  readonly manifests: readonly Manifest[]
  readonly problems: readonly Problem[]
  /** Files with the lists that it names, below the origin's root; what it declares depends on their content too. */
  readonly lists: readonly string[]
  /** Of a file that is named as one of secrets, what it holds in place of manifests. */
  readonly secrets?: SecretFile
}

/**
 * Reads the content of one file, in bytes or already as text; `file` is the name that places carry. Never throws. A list
 * that is named and not in `lists` is a problem: look for those of the result, and read again.
 */
export type ReadManifests = (content: string | Uint8Array, file: string, lists?: ListFiles) => ReadResult

/** More problems of one file than this are only counted. */
const maxProblems = 200

/** What a reader knows. */
interface Knowledge {
  readonly kinds: ReadonlyMap<string, KnownKind>
  readonly keepsDigits: boolean
}

/**
 * A reader that knows these kinds; each schema is compiled once. With `keepsDigits` a number that a double does not hold
 * is a `RawNumber`, and not a problem.
 */
export function manifestReader(
  definitions: readonly KindDefinition[],
  { keepsDigits = false }: { readonly keepsDigits?: boolean } = {},
): ReadManifests {
  const kinds = new Map(definitions.map((each) => [each.kind, { definition: each, validate: validatorOf(each) }]))
  const knowledge = { kinds, keepsDigits }
  return (content, file, lists = () => undefined) => {
    const decoded = decode(content, file)
    if ('problem' in decoded) return { manifests: [], problems: [decoded.problem], lists: [] }
    return isSecretFile(file) ? readSecrets(decoded.text, file) : readText(decoded.text, file, knowledge, lists)
  }
}

function decode(content: string | Uint8Array, file: string): { readonly text: string } | { readonly problem: Problem } {
  if (typeof content !== 'string') return decodeText(content, file)
  if (content.length > maxFileBytes) return { problem: fileTooLarge(file, content.length) }
  return { text: content.replace(/^\uFEFF/, '') }
}

function readText(text: string, file: string, knowledge: Knowledge, lists: ListFiles): ReadResult {
  const { documents, locate } = parseDocuments(text, file)
  const manifests: Manifest[] = []
  const problems: Problem[] = []
  const named = new Set<string>()
  for (const each of documents) {
    const reading: DocumentReading = { ...each, file, text, locate, problems: [] }
    const result = readDocument(reading, knowledge, lists)
    for (const manifest of result.manifests) manifests.push(manifest)
    for (const list of result.lists) named.add(list)
    problems.push(...reading.problems.toSorted(byPlace))
  }
  return { manifests, problems: limited(problems, file), lists: [...named] }
}

function readSecrets(text: string, file: string): ReadResult {
  const found = readSecretFile(text, file)
  return { ...found, manifests: [], problems: limited(found.problems, file), lists: [] }
}

const nothing: DocumentResult = { manifests: [], lists: [] }

function readDocument(reading: DocumentReading, { kinds, keepsDigits }: Knowledge, lists: ListFiles): DocumentResult {
  const { document, problems } = reading
  const { value, faults } =
    reading.faults.length > 0
      ? { value: undefined, faults: reading.faults }
      : valueOf(document, { isVerbatim: isInList, keepsDigits })
  for (const { code, message, offset, path } of faults) {
    const details = path === undefined || path.length === 0 ? {} : { path: pathText(path) }
    problems.push(problem(code, message, reading.locate(offset), details))
  }
  if (faults.some(({ code }) => isFatal(code)) || value === null || value === undefined) return nothing
  const definition = definitionOf(value, kinds)
  if (definition !== undefined) return generate(definition, kinds, reading, lists)
  for (const finding of validateDocument(value, kinds)) problems.push(findingProblem(finding, reading))
  if (problems.length > 0) return nothing
  const manifest = manifestOf(value as ValidDocument, reading)
  problems.push(...(kinds.get(manifest.kind)?.definition.check?.(manifest) ?? []))
  return problems.length > 0 ? nothing : { manifests: [manifest], lists: [] }
}

/** Elements of a list are text, and numbers among them keep every digit. */
function isInList([spec, forEach]: Path): boolean {
  return spec === 'spec' && forEach === 'forEach'
}

/** Without its whole content, a document is not worth validating: half of what would be said is not true. */
function isFatal(code: ErrorCode): boolean {
  return code === 'yaml_syntax' || code === 'yaml_alias_bomb'
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
