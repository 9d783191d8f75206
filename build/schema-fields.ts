/** A part of a JSON Schema, as the connectors write them. */
export type Schema = Readonly<Record<string, unknown>>

/** One field of a connector's configuration, for the reference. */
export interface Field {
  /** Dotted; `[]` for the items of a list, `*` for any name. */
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly description: string
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const schemaList = (value: unknown): Schema[] => (Array.isArray(value) ? value.filter(isSchema) : [])
const literal = (value: unknown): string => `\`${JSON.stringify(value)}\``

function typeOf(schema: Schema): string {
  if (Array.isArray(schema.enum)) return schema.enum.map(literal).join(', ')
  if (schema.const !== undefined) return literal(schema.const)
  const choices = schemaList(schema.anyOf ?? schema.oneOf)
  if (choices.length > 0) return [...new Set(choices.map(typeOf))].join(' or ')
  if (schema.format === 'duration') return 'duration'
  if (schema.type === 'array') return isSchema(schema.items) ? `list of ${typeOf(schema.items)}` : 'list'
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? 'any']
  return types.map(String).join(' or ')
}

function remarks(schema: Schema, required: boolean): string {
  const oneOf = schema['x-one-of']
  return [
    required ? '**Required.**' : '',
    typeof schema.description === 'string' ? schema.description : '',
    Array.isArray(oneOf) ? `Exactly one of ${oneOf.map((name) => `\`${String(name)}\``).join(', ')}.` : '',
    schema['x-secret'] === true ? 'May hold `${secrets.NAME}`.' : '',
    schema['x-template'] === true && schema['x-secret'] !== true ? 'May hold `${…}`.' : '',
    schema['x-expression'] === true ? 'A CEL expression.' : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function children(schema: Schema, path: string): Field[] {
  const items = isSchema(schema.items) ? children(schema.items, `${path}[]`) : []
  const named = isSchema(schema.additionalProperties) ? children(schema.additionalProperties, `${path}.*`) : []
  const choices = schemaList(schema.anyOf ?? schema.oneOf).flatMap((choice) => children(choice, path))
  const conditional = isSchema(schema.then) ? children(schema.then, path) : []
  return [...fieldsOf(schema, path), ...items, ...named, ...choices, ...conditional]
}

/** All fields below an object schema, in the order they are written. */
export function fieldsOf(schema: Schema, prefix = ''): Field[] {
  const required = Array.isArray(schema.required) ? schema.required : []
  const properties = isSchema(schema.properties) ? Object.entries(schema.properties) : []
  return properties.flatMap(([name, value]) => {
    if (!isSchema(value)) return []
    const path = prefix === '' ? name : `${prefix}.${name}`
    const field = {
      path,
      type: typeOf(value),
      fallback: value.default === undefined ? '' : literal(value.default),
      description: remarks(value, required.includes(name)),
    }
    return [field, ...children(value, path)]
  })
}
