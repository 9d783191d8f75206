import type { ErrorCode } from '../errors.ts'
import { type KindDefinition, kebabOf } from './kind.ts'
import { type Path, pathText } from './path.ts'
import { apiVersion } from './schema.ts'
import { schemaProblem } from './schema-problem.ts'
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

/** All that schema and expressions have against a document. Fills the schema's defaults into it. */
export function validateDocument(value: unknown, kinds: ReadonlyMap<string, KnownKind>): readonly Finding[] {
  if (!isDocument(value)) {
    const message = 'this is not a manifest: a mapping with apiVersion, kind, metadata and spec is expected'
    return [{ code: 'not_a_manifest', message, path: [], on: 'value' }]
  }
  const known = typeof value['kind'] === 'string' ? kinds.get(value['kind']) : undefined
  const version = versionFindings(value['apiVersion'])
  if (known === undefined) return version.length > 0 ? version : kindFindings(value['kind'], [...kinds.keys()])
  const findings = known.validate(value).map((error): Finding => schemaProblem(error, value))
  return [...version, ...findings.filter(({ path }) => path[0] !== 'apiVersion'), ...expressionFindings(value, known)]
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
  const message = `the kind ${shown} is not known${meant === undefined ? '' : `; did you mean ${meant}?`}`
  return [{ code: 'unknown_kind', message, path, on: 'value', fix: `Use one of ${known.join(', ')}.` }]
}

function expressionFindings(value: Record<string, unknown>, { definition }: KnownKind): readonly Finding[] {
  const scope = definition.scope?.(value['spec']) ?? {}
  const faults = checkTemplates(value['spec'], definition.spec, scope, ['spec'])
  return faults.map((fault) => ({ ...fault, on: 'value' }))
}

/** `spec.table`, or undefined for the document itself. */
export function findingPath({ path }: Finding): string | undefined {
  return path.length === 0 ? undefined : pathText(path)
}
