import type { ErrorCode } from '../errors.ts'
import { readsElement } from './element-binding.ts'
import { type JsonSchema, type KindDefinition, kebabOf } from './kind.ts'
import { type Path, pathText } from './path.ts'
import { apiVersion } from './schema.ts'
import { schemaProblem } from './schema-problem.ts'
import { mapStrings } from './schema-walk.ts'
import { elementVariable, type Scope, type VariableType } from './scope.ts'
import { suggest } from './suggest.ts'
import { checkTemplates } from './templates.ts'
import type { Validator } from './validator.ts'

/** Something wrong in a document, at a field's name or value; `offset` counts into the value's text. */
export interface Finding {
  readonly code: ErrorCode
  readonly message: string
  readonly path: Path
  readonly on: 'key' | 'value'
  readonly offset?: number
  readonly fix?: string
}

/** A kind with its compiled schema. */
export interface KnownKind {
  readonly definition: KindDefinition
  readonly validate: Validator
}

/** The shape of a document without findings. */
export interface ValidDocument {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: unknown
}

/**
 * All that schema and expressions have against a document. Fills the schema's defaults into it. With `element`, the type
 * of `each`, it is one that declares many resources: of the texts that read `each` only the expressions are checked.
 */
export function validateDocument(
  value: unknown,
  kinds: ReadonlyMap<string, KnownKind>,
  element?: VariableType,
): readonly Finding[] {
  if (!isDocument(value)) {
    const message = 'this is not a manifest: a mapping with apiVersion, kind, metadata and spec is expected'
    return [{ code: 'not_a_manifest', message, path: [], on: 'value' }]
  }
  const known = typeof value['kind'] === 'string' ? kinds.get(value['kind']) : undefined
  const version = versionFindings(value['apiVersion'])
  if (known === undefined) return version.length > 0 ? version : kindFindings(value['kind'], [...kinds.keys()])
  const findings = schemaFindings(value, known).filter(({ path }) => path[0] !== 'apiVersion')
  if (element === undefined) return [...version, ...findings, ...expressionFindings(value, known)]
  const certain = findings.filter((finding) => finding.on === 'key' || !isOpen(valueAt(value, finding.path)))
  return [...version, ...certain, ...metadataFindings(value), ...expressionFindings(value, known, element)]
}

/** What its kind's schema has against a document. Fills the schema's defaults into it. */
export function schemaFindings(value: unknown, { validate }: KnownKind): readonly Finding[] {
  return validate(value).map((error): Finding => schemaProblem(error, value))
}

function isDocument(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return 'apiVersion' in value || 'kind' in value
}

function versionFindings(version: unknown): readonly Finding[] {
  if (version === apiVersion) return []
  const path = ['apiVersion']
  if (version === undefined) return [{ code: 'missing_field', message: 'apiVersion is missing', path, on: 'key' }]
  const message = `apiVersion must be ${apiVersion}, not ${JSON.stringify(version)}`
  return [{ code: 'unknown_api_version', message, path, on: 'value' }]
}

function kindFindings(kind: unknown, known: readonly string[]): readonly Finding[] {
  const path = ['kind']
  if (kind === undefined) return [{ code: 'missing_field', message: 'kind is missing', path, on: 'key' }]
  const shown = typeof kind === 'string' ? kind : JSON.stringify(kind)
  const meant = suggest(shown, known) ?? known.find((each) => kebabOf(each) === kebabOf(shown))
  const isTest = shown === 'WorkflowTest'
  const message = `the kind ${shown} is not known${meant === undefined || isTest ? '' : `; did you mean ${meant}?`}`
  const fix = isTest ? 'Tests stand in files named *.test.yaml: rename it.' : `Use one of ${known.join(', ')}.`
  return [{ code: 'unknown_kind', message, path, on: 'value', fix }]
}

function expressionFindings(
  { spec }: Record<string, unknown>,
  known: KnownKind,
  element?: VariableType,
): readonly Finding[] {
  const { definition } = known
  const scope = element === undefined ? (definition.scope?.(spec) ?? {}) : elementScope(spec, known, element)
  const faults = checkTemplates(spec, definition.spec, scope, ['spec'])
  return faults.map((fault) => ({ ...fault, on: 'value' }))
}

/** The variables of a spec that has `each`; what an element decides may have any type. */
export function elementScope(spec: unknown, { definition }: KnownKind, element: VariableType): Scope {
  const settled = mapStrings(spec, definition.spec, (text) => (isOpen(text) ? null : text))
  return { ...definition.scope?.(settled), [elementVariable]: element }
}

const anything: JsonSchema = {}

/** An element decides what a resource does, not what it is labelled. */
function metadataFindings({ metadata }: Record<string, unknown>): readonly Finding[] {
  const found: Finding[] = []
  mapStrings(metadata, anything, (text, _rule, below) => {
    const path = ['metadata', ...below]
    const message = `${pathText(path)}: ${elementVariable} may stand in the spec only`
    if (isOpen(text)) found.push({ code: 'expression_not_allowed', message, path, on: 'value' })
  })
  return found
}

/** Whether only an element tells what stands there. */
function isOpen(value: unknown): boolean {
  return typeof value === 'string' && readsElement(value, false)
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? Reflect.get(at, name) : at), value)
}

/** `spec.table`, or undefined for the document itself. */
export function findingPath({ path }: Finding): string | undefined {
  return path.length === 0 ? undefined : pathText(path)
}
