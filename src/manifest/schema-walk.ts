import type { JsonSchema } from './kind.ts'
import type { Path } from './path.ts'

/** What a string at one place may hold. */
export interface TextRule {
  readonly template: boolean
  readonly secret: boolean
  readonly expression: boolean
  /** `${…}` may stand in it over a message: it is evaluated for each, and not when the manifest comes into force. */
  readonly perMessage: boolean
  /** It is data: nothing in it is an expression. */
  readonly verbatim: boolean
  /** A text that matches must read a secret. */
  readonly secretOnly?: RegExp
}

/** Gets each string with its place and rule, and returns what stands there instead. */
export type Visit = (text: string, rule: TextRule, path: Path) => unknown

/** A copy of `value` in which `visit` had its say on each string, by the annotations of `schema`. */
export function mapStrings(value: unknown, schema: JsonSchema, visit: Visit): unknown {
  return walk(value, rootOf(schema), [], visit)
}

function walk(value: unknown, place: SchemaPlace, path: Path, visit: Visit): unknown {
  if (typeof value === 'string') return visit(value, place.rule, path)
  if (Array.isArray(value)) return value.map((each, i) => walk(each, place.item(i), [...path, i], visit))
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  const fields = Object.entries(value).map(([name, each]): [string, unknown] => {
    return [name, walk(each, place.field(name), [...path, name], visit)]
  })
  return Object.fromEntries(fields)
}

const roots = new WeakMap<JsonSchema, SchemaPlace>()
const noRule: TextRule = { template: false, secret: false, expression: false, perMessage: false, verbatim: false }

function rootOf(schema: JsonSchema): SchemaPlace {
  const known = roots.get(schema)
  if (known !== undefined) return known
  const root = new SchemaPlace([schema], schema, noRule)
  roots.set(schema, root)
  return root
}

/** All that a schema says about one place, its alternatives taken together; worked out on the way down, and kept. */
class SchemaPlace {
  readonly rule: TextRule
  readonly #schemas: readonly JsonSchema[]
  readonly #root: JsonSchema
  readonly #below = new Map<string, SchemaPlace>()

  constructor(schemas: readonly JsonSchema[], root: JsonSchema, inherited: TextRule) {
    this.#root = root
    this.#schemas = flatten(schemas, root)
    const has = (keyword: string): boolean => this.#schemas.some((schema) => schema[keyword] === true)
    const secret = inherited.secret || has('x-secret')
    const template = secret || inherited.template || has('x-template')
    const secretOnly = this.#text('x-secret-only')
    this.rule = {
      template,
      secret,
      expression: has('x-expression'),
      perMessage: inherited.perMessage || has('x-message-template'),
      verbatim: inherited.verbatim || has('x-verbatim'),
      ...(secretOnly === undefined ? {} : { secretOnly: new RegExp(secretOnly, 'u') }),
    }
  }

  field(name: string): SchemaPlace {
    const isDeclared = this.#schemas.some((schema) => Object.hasOwn(objectOf(schema['properties']), name))
    const holdsSecret = !isDeclared && this.#namesSecret(name)
    return this.#child(isDeclared ? `.${name}` : holdsSecret ? '*secret' : '*', () => {
      const schemas = this.#schemas.flatMap((schema) => fieldSchemas(schema, name))
      return holdsSecret ? [...schemas, { 'x-secret-only': '.' }] : schemas
    })
  }

  #namesSecret(name: string): boolean {
    const names = this.#text('x-secret-fields')
    return names !== undefined && new RegExp(names, 'iu').test(name)
  }

  #text(keyword: string): string | undefined {
    return this.#schemas.map((schema) => schema[keyword]).find((value) => typeof value === 'string')
  }

  item(index: number): SchemaPlace {
    return this.#child(`${index}`, () => this.#schemas.flatMap((schema) => itemSchemas(schema, index)))
  }

  #child(key: string, schemas: () => readonly unknown[]): SchemaPlace {
    const known = this.#below.get(key)
    if (known !== undefined) return known
    const child = new SchemaPlace(schemas().filter(isSchema), this.#root, this.rule)
    if (this.#below.size < 1_000) this.#below.set(key, child)
    return child
  }
}

/** The schemas with everything that `$ref`, `allOf`, `anyOf`, `oneOf`, `then` and `else` bring in. */
function flatten(schemas: readonly JsonSchema[], root: JsonSchema): readonly JsonSchema[] {
  const found = new Set<JsonSchema>()
  const pending: unknown[] = [...schemas]
  for (const schema of pending) {
    if (!isSchema(schema) || found.has(schema)) continue
    found.add(schema)
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) pending.push(...listOf(schema[keyword]))
    pending.push(schema['then'], schema['else'], resolveRef(schema['$ref'], root))
  }
  return [...found]
}

function resolveRef(ref: unknown, root: JsonSchema): unknown {
  if (typeof ref !== 'string' || !ref.startsWith('#/$defs/')) return undefined
  return objectOf(root['$defs'])[ref.slice('#/$defs/'.length)]
}

function fieldSchemas(schema: JsonSchema, name: string): readonly unknown[] {
  const properties = objectOf(schema['properties'])
  if (Object.hasOwn(properties, name)) return [properties[name]]
  const patterns = Object.entries(objectOf(schema['patternProperties']))
  const matching = patterns.filter(([pattern]) => new RegExp(pattern, 'u').test(name)).map(([, each]) => each)
  return matching.length > 0 ? matching : [schema['additionalProperties'], schema['unevaluatedProperties']]
}

function itemSchemas(schema: JsonSchema, index: number): readonly unknown[] {
  const prefix = listOf(schema['prefixItems'])
  return [index < prefix.length ? prefix[index] : schema['items']]
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isSchema(value) ? value : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
