import { type Definition, type FoundList, findList } from './definition.ts'
import { type DocumentReading, findingProblem, stretchOf } from './document-reading.ts'
import { elementBinder } from './element-binding.ts'
import { namesOf } from './element-name.ts'
import { describeElement, type Element, type List, type ListFiles } from './list.ts'
import { type Generated, keyOf, type Manifest, type Problem } from './manifest.ts'
import { parsedManifest } from './parsed-manifest.ts'
import { problem } from './problem.ts'
import { elementType } from './scope.ts'
import { elementScope, type Finding, type KnownKind, schemaFindings, validateDocument } from './validate.ts'

/** What a document declares, and the files of lists that this depends on. */
export interface DocumentResult {
  readonly manifests: readonly Manifest[]
  readonly lists: readonly string[]
}

/**
 * The resources that a definition declares, one for each element of its list; with any problem none at all: what is in
 * force stays so (invariant 3).
 */
export function generate(
  definition: Definition,
  kinds: ReadonlyMap<string, KnownKind>,
  reading: DocumentReading,
  lists: ListFiles,
): DocumentResult {
  const { problems } = reading
  const found = findList(definition, reading, lists)
  const named = found.file === undefined ? [] : [found.file]
  const findings = validateDocument(definition.document, kinds, elementType(found.list?.fields))
  problems.push(...findings.map((finding) => findingProblem(finding, reading)))
  if (!findings.some(isAboutList)) problems.push(...found.problems)
  if (problems.length > 0 || found.list === undefined) return { manifests: [], lists: named }
  const made = makeAll(definition, { ...found, list: found.list }, reading)
  problems.push(...made.problems.map((each) => (found.file === undefined ? each : { ...each, manifest: reading.file })))
  return { manifests: problems.length > 0 ? [] : made.manifests, lists: named }
}

/** The schema speaks of the list as well: once is enough. */
function isAboutList({ path }: Finding): boolean {
  return path[0] === 'spec' && path[1] === 'forEach' && path[2] !== 'name'
}

interface Made {
  readonly manifests: readonly Manifest[]
  readonly problems: readonly Problem[]
}

/** Where so many elements have problems, the others are not looked at. */
const maxFailures = 20

function makeAll(definition: Definition, { list, file }: FoundList & { list: List }, reading: DocumentReading): Made {
  const { kind, metadata, spec } = definition.document
  const { name: template } = spec['forEach'] as { readonly name?: string }
  const names = namesOf(list, { kind, definition: metadata.name, template })
  if ('problems' in names) return { manifests: [], problems: names.problems }
  const make = maker(definition, reading, { list, file })
  const manifests: Manifest[] = []
  const failures = new Map<Element, readonly Problem[]>()
  for (const [index, element] of list.elements.entries()) {
    const made = make(element, { index, name: names[index] ?? '' })
    if ('hash' in made) manifests.push(made)
    else failures.set(element, made)
    if (failures.size === maxFailures) break
  }
  return { manifests, problems: inCommon(failures) }
}

type Make = (
  element: Element,
  which: { readonly index: number; readonly name: string },
) => Manifest | readonly Problem[]

function maker(
  definition: Definition,
  reading: DocumentReading,
  { list, file }: { list: List; file?: string | undefined },
): Make {
  const { document, known } = definition
  const { forEach: _, ...spec } = document.spec
  const bind = elementBinder(known.definition.spec, elementScope(spec, known, elementType(list.fields)))
  const stretch = stretchOf(reading)
  const origin = { by: keyOf({ kind: document.kind, name: document.metadata.name }), ...(file && { list: file }) }
  return (element, { index, name }) => {
    const bound = bind(spec, element)
    if (!('value' in bound)) return [problem('expression_type', bound.message, list.locate(index))]
    const own = { ...document, metadata: { ...document.metadata, name }, spec: bound.value }
    const findings = schemaFindings(own, known)
    if (findings.length > 0) return findings.map((finding) => findingProblem(finding, reading))
    const generated: Generated = { ...origin, element: describeElement(element), at: list.locate(index) }
    const manifest = parsedManifest(own, stretch, generated)
    const problems = known.definition.check?.(manifest) ?? []
    return problems.length > 0 ? problems : manifest
  }
}

/** What is wrong with several elements in the same way is said once. */
function inCommon(failures: ReadonlyMap<Element, readonly Problem[]>): readonly Problem[] {
  const all = [...failures].flatMap(([element, problems]) => problems.map((each) => ({ element, problem: each })))
  const groups = Map.groupBy(all, ({ problem: { code, path, at } }) => `${code} ${path ?? `${at.line}:${at.column}`}`)
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const more = others.length === 0 ? '' : ` and ${failures.size === maxFailures ? 'many' : others.length} more`
    const message = `${first.problem.message} (for ${describeElement(first.element)}${more})`
    return [{ ...first.problem, message }]
  })
}
