import type { ErrorObject, ValidateFunction } from 'ajv'
import type { FromSchema } from 'json-schema-to-ts'
import { isRawNumber } from '../../lossless-json.ts'
import { FieldFault, fieldText } from './field-fault.ts'
import { faultsOf, jsonOf, opened, type SchemaPlace, schemaOf } from './schema-text.ts'
import { checkingStep } from './validating-step.ts'
import type { ValidatorConnector } from './validator.ts'

const config = {
  type: 'object',
  description:
    'Messages are JSON and as a JSON Schema says: 2020-12, or the draft that its $schema names (2019-09, 07, 06), with ' +
    'the formats of those. A message that is not is a failure with the field and the rule that it breaks. Keywords ' +
    'that are no part of the draft are errors of the schema, but for those that begin with x-.',
  additionalProperties: false,
  'x-one-of': ['schema', 'file'],
  properties: {
    schema: { type: 'object', description: 'The schema itself.' },
    file: {
      type: 'string',
      minLength: 1,
      'x-path': true,
      description: 'A JSON file with the schema, relative to the manifests directory.',
    },
  },
} as const

export type JsonSchemaConfig = FromSchema<typeof config>

/** Validates messages by a JSON Schema; those that are valid stay as they came. */
export const jsonSchemaValidator: ValidatorConnector<JsonSchemaConfig> = {
  type: 'jsonSchema',
  summary: 'Messages in JSON that fit a JSON Schema.',
  config,
  check: (place) => faultsOf(place, () => compile(place)),
  open: async (place) => {
    const validate = await opened(() => compile(place))
    return checkingStep((batch, index) => {
      const value = batch.value(index)
      if (!validate(plainNumbers(value))) throw faultOf(validate.errors?.[0])
    })
  },
}

async function compile(place: SchemaPlace): Promise<ValidateFunction> {
  const schema = jsonOf(await schemaOf(place))
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new Error('a JSON Schema is an object')
  if ('$async' in schema) throw new Error('$async is no part of JSON Schema')
  const ajv = await ajvFor('$schema' in schema ? String(schema.$schema) : '')
  ajv.addVocabulary([...annotations(schema)])
  return ajv.compile(schema)
}

async function ajvFor(draft: string) {
  const { default: formats } = await import('ajv-formats')
  // One failing rule is enough: a message that breaks a million of them must not fill the memory with errors.
  const options = { allErrors: false, verbose: true, strict: false, strictSchema: true, logger: false } as const
  const made = await open()
  formats.default(made)
  return made

  async function open() {
    if (draft.includes('2019-09')) return new (await import('ajv/dist/2019.js')).Ajv2019(options)
    const older = /draft-0[67]/.exec(draft)?.[0]
    if (older === undefined) return new (await import('ajv/dist/2020.js')).Ajv2020(options)
    const ajv = new (await import('ajv')).Ajv(options)
    if (older === 'draft-06') {
      const { default: meta } = await import('ajv/dist/refs/json-schema-draft-06.json', { with: { type: 'json' } })
      ajv.addMetaSchema(meta)
    }
    return ajv
  }
}

/** Keywords that say nothing about a value, wherever they stand. */
function annotations(schema: unknown, found = new Set<string>(['example'])): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [name, each] of Object.entries(schema)) {
    if (name.startsWith('x-') && !Array.isArray(schema)) found.add(name)
    annotations(each, found)
  }
  return found
}

function faultOf(error: ErrorObject | undefined): FieldFault {
  if (error === undefined) return new FieldFault('is not valid')
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  return new FieldFault(`${ruleOf(error)} (${error.keyword})`, path)
}

function ruleOf({ keyword, params, message = 'is not valid' }: ErrorObject): string {
  const extra: unknown = params['additionalProperty'] ?? params['unevaluatedProperty']
  if (typeof extra === 'string') return `must not have ${fieldText([extra])}`
  const missing: unknown = params['missingProperty']
  if (typeof missing === 'string') return `has no ${fieldText([missing])}`
  if (keyword === 'enum') return `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 200)}`
  return message
}

/** The same value when no number in it is more exact than a double, else a copy with the nearest doubles. */
function plainNumbers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isRawNumber(value)) return Number(value.rawJSON)
  if (Array.isArray(value)) {
    const items = value.map(plainNumbers)
    return items.every((item, index) => item === value[index]) ? value : items
  }
  const entries = Object.entries(value).map(([name, each]) => [name, each, plainNumbers(each)] as const)
  if (entries.every(([, each, plain]) => each === plain)) return value
  return Object.fromEntries(entries.map(([name, , plain]) => [name, plain]))
}
