import { type DocumentReading, findingProblem } from './document-reading.ts'
import { listSource, mayGenerate } from './for-each.ts'
import { elementsOf, type List, type ListFiles } from './list.ts'
import type { Problem } from './manifest.ts'
import { type Path, pathText } from './path.ts'
import type { Finding, KnownKind, ValidDocument } from './validate.ts'
import { placeOf } from './yaml-place.ts'

type Fields = Readonly<Record<string, unknown>>

/** A document with `spec.forEach`; nothing else of it was looked at yet. */
export interface Definition {
  readonly document: ValidDocument & { readonly apiVersion?: unknown; readonly spec: Fields }
  readonly known: KnownKind
}

/** The document as one that declares many resources, when it is. */
export function definitionOf(value: unknown, kinds: ReadonlyMap<string, KnownKind>): Definition | undefined {
  if (!isMapping(value) || !isMapping(value['spec']) || !Object.hasOwn(value['spec'], 'forEach')) return undefined
  const known = typeof value['kind'] === 'string' ? kinds.get(value['kind']) : undefined
  if (known === undefined || !mayGenerate(known.definition)) return undefined
  return { document: value as unknown as Definition['document'], known }
}

/** The list of a definition, or what is wrong with it. */
export interface FoundList {
  /** Where it stands, when that is not the manifest. */
  readonly file?: string
  readonly list?: List
  readonly problems: readonly Problem[]
}

/** Finds the list. What the schema says against `spec.forEach` is not said again. */
export function findList(definition: Definition, reading: DocumentReading, lists: ListFiles): FoundList {
  const clause = definition.document.spec['forEach']
  if (!isMapping(clause)) return { problems: [] }
  const source = listSource(clause, reading.file)
  if ('file' in source) return listInFile(source.file, reading, lists)
  if ('field' in source) return listInside(source, clause[source.field], reading)
  const path = ['spec', 'forEach', ...source.path]
  return withFindings([{ ...source, path, on: source.code === 'one_of' ? 'key' : 'value' }], reading)
}

function listInFile(file: string, reading: DocumentReading, lists: ListFiles): FoundList {
  const found = lists(file) ?? { missing: 'was not looked for' }
  if ('problems' in found)
    return { file, problems: found.problems.map((each) => ({ ...each, manifest: reading.file })) }
  if (!('missing' in found)) return { file, list: found, problems: [] }
  const path = ['spec', 'forEach', 'from']
  const message = `${pathText(path)}: ${file} ${found.missing}`
  return { file, ...withFindings([{ code: 'list_unreadable', message, path, on: 'value' }], reading) }
}

function listInside(
  { field, lone }: { readonly field: string; readonly lone: string },
  items: unknown,
  reading: DocumentReading,
): FoundList {
  if (!Array.isArray(items)) return { problems: [] }
  const above: Path = ['spec', 'forEach', field]
  const found = elementsOf(items, lone)
  if ('faults' in found)
    return withFindings(
      found.faults.map((fault) => listFinding(fault, above)),
      reading,
    )
  const placeOfItem = (index: number): number => placeOf(reading.document, [...above, index]).value
  return { list: { ...found, locate: (index) => reading.locate(placeOfItem(index)) }, problems: [] }
}

function listFinding(fault: { readonly message: string; readonly path: Path }, above: Path): Finding {
  const path = [...above, ...fault.path]
  return { code: 'list_invalid', message: `${pathText(path)} ${fault.message}`, path, on: 'value' }
}

function withFindings(findings: readonly Finding[], reading: DocumentReading): FoundList {
  return { problems: findings.map((finding) => findingProblem(finding, reading)) }
}

function isMapping(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
