import { durationPattern } from './duration.ts'
import { mayGenerate } from './for-each.ts'
import { type JsonSchema, type KindDefinition, kebabOf } from './kind.ts'

/** The only version of the manifests' format. */
export const apiVersion = 'hermes/v1'

/** Names of resources, as in Kubernetes' DNS subdomains. */
export const namePattern = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'

const textMap = { type: 'object', additionalProperties: { type: 'string' } } as const

const metadata = {
  type: 'object',
  description: 'What the resource is called.',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: {
      type: 'string',
      description: 'Unique within its kind: lower-case letters, digits, "-" and ".".',
      pattern: namePattern,
      maxLength: 253,
    },
    labels: { ...textMap, description: 'Free words to find resources by.' },
    annotations: { ...textMap, description: 'Notes for Hermes and other programs; `hermes/…` are its own.' },
  },
} as const

/** The schema of a whole document of a kind, as it is validated. */
export function documentSchema(definition: KindDefinition): JsonSchema {
  const { $defs, ...spec } = definition.spec
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:hermes:v1:${kebabOf(definition.kind)}`,
    title: definition.kind,
    description: definition.summary,
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: {
      apiVersion: { const: apiVersion, description: "The version of the manifests' format." },
      kind: { const: definition.kind, description: definition.summary },
      metadata,
      spec,
    },
    ...($defs === undefined ? {} : { $defs }),
  }
}

/** The same schema for editors, in standard keywords only: for `schemas/<kind>.json`. */
export function publishedSchema(definition: KindDefinition): JsonSchema {
  const spec = standard(definition.spec)
  const published = mayGenerate(definition) ? withElements(spec) : spec
  return standard(documentSchema({ ...definition, spec: published as JsonSchema })) as JsonSchema
}

/** The file that the published schema of a kind goes to, below `schemas/`. */
export function schemaFile(kind: string): string {
  return `${kebabOf(kind)}.json`
}

/** A schema whose texts may have `${each.…}` in the place of what their pattern asks for. */
function withElements(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withElements)
  if (typeof schema !== 'object' || schema === null) return schema
  const fields = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    if (keyword === 'pattern' && typeof value === 'string') return [keyword, `${value}|\\$\\{`]
    return [keyword, keyword === 'propertyNames' ? value : withElements(value)]
  })
  return Object.fromEntries(fields)
}

/** Keywords whose value is data or a map of names, not a schema. */
const dataKeywords = new Set(['const', 'enum', 'default', 'examples'])
const nameKeywords = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas'])

function standard(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(standard)
  if (typeof schema !== 'object' || schema === null) return schema
  const fields: [string, unknown][] = []
  for (const [keyword, value] of Object.entries(schema)) fields.push(...standardKeyword(keyword, value))
  return Object.fromEntries(fields)
}

function standardKeyword(keyword: string, value: unknown): [string, unknown][] {
  if (keyword === 'x-one-of') return [['oneOf', (value as string[]).map((name) => ({ required: [name] }))]]
  if (keyword.startsWith('x-')) return []
  if (keyword === 'format' && value === 'duration') return [['pattern', durationPattern]]
  if (dataKeywords.has(keyword)) return [[keyword, value]]
  if (!nameKeywords.has(keyword)) return [[keyword, standard(value)]]
  return [[keyword, Object.fromEntries(Object.entries(value as object).map(([name, each]) => [name, standard(each)]))]]
}
