import type { ErrorObject } from 'ajv'
import { didYouMean } from './suggest.ts'

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping',
  array: 'a list',
  null: 'null',
}

/** What is wrong with a value, to follow the name of its field: `must be text, not 5`. */
export function valueMessage(error: ErrorObject): string {
  return `${wish(error)}${instead(error)}`
}

/** What each schema keyword asks for. */
function wish(error: ErrorObject): string {
  const { keyword, params, parentSchema, schema } = error
  if (isDuration(parentSchema) && ['type', 'format', 'minimum', 'maximum'].includes(keyword)) {
    return 'must be a duration such as 30s, 15m, 1h or 2d'
  }
  if (keyword === 'type') return `must be ${typesText(schema)}`
  if (keyword === 'enum') return `must be one of ${(schema as unknown[]).map(String).join(', ')}`
  if (keyword === 'const') return `must be ${JSON.stringify(schema)}`
  if (keyword === 'pattern') return patternText(parentSchema, schema)
  if (keyword === 'format') return `must be a valid ${String(schema)}`
  if (keyword === 'anyOf' || keyword === 'oneOf') return alternativesText(schema)
  if (keyword === 'false schema') return 'is not allowed here'
  if (keyword === 'uniqueItems') return `has the same item twice, at ${params['j']} and ${params['i']}`
  return limitText(keyword, Number(schema)) ?? error.message ?? 'is not valid'
}

/** A pattern in words, where its schema has them (`x-pattern-hint`). */
function patternText(schema: unknown, pattern: unknown): string {
  const hint = (schema as Readonly<Record<string, unknown>> | undefined)?.['x-pattern-hint']
  return typeof hint === 'string' ? `must be ${hint}` : `must match ${String(pattern)}`
}

function limitText(keyword: string, limit: number): string | undefined {
  const limits: Readonly<Record<string, string>> = {
    minimum: `must be at least ${limit}`,
    maximum: `must be at most ${limit}`,
    exclusiveMinimum: `must be more than ${limit}`,
    exclusiveMaximum: `must be less than ${limit}`,
    multipleOf: `must be a multiple of ${limit}`,
    minLength: limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`,
    maxLength: `must have at most ${limit} characters`,
    minItems: limit === 1 ? 'must not be empty' : `must have at least ${limit} items`,
    maxItems: `must have at most ${limit} items`,
    minProperties: limit === 1 ? 'must not be empty' : `must have at least ${limit} fields`,
    maxProperties: `must have at most ${limit} fields`,
  }
  return limits[keyword]
}

/** Whoever reads an address may not read who asks there. */
const inAddress = /:\/\/[^/?#\s]*@/

/** What stands there; never the value of a field that may hold a secret, or an address that holds one. */
function instead({ data, keyword, schema, parentSchema }: ErrorObject): string {
  if (parentSchema?.['x-secret'] === true || keyword === 'uniqueItems' || keyword === 'false schema') return ''
  if (keyword === 'type' && typeof data === 'object' && data !== null)
    return `, not ${Array.isArray(data) ? 'a list' : 'a mapping'}`
  if (typeof data === 'object' && data !== null) return ''
  const text = JSON.stringify(data) ?? ''
  if (text.length > 80 || inAddress.test(text)) return ''
  const quotes = keyword === 'type' && schema === 'string' && data !== null ? ' (put it in quotes)' : ''
  const meant = keyword === 'enum' ? didYouMean(String(data), (schema as unknown[]).map(String)) : ''
  return `, not ${text}${quotes}${meant}`
}

function isDuration(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'format' in schema && schema.format === 'duration'
}

function typesText(types: unknown): string {
  const names = Array.isArray(types) ? types.map(String) : [String(types)]
  return names.map((name) => typeNames[name] ?? name).join(' or ')
}

function alternativesText(branches: unknown): string {
  const types = (branches as { type?: unknown; const?: unknown }[]).flatMap((branch) => {
    if (isDuration(branch)) return ['a duration such as 15m']
    if (branch.const !== undefined) return [JSON.stringify(branch.const)]
    return branch.type === undefined ? [] : [typesText(branch.type)]
  })
  return types.length === 0 ? 'fits none of the forms it may have' : `must be ${[...new Set(types)].join(' or ')}`
}
