import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { parseDuration } from './duration.ts'
import type { KindDefinition } from './kind.ts'
import { documentSchema } from './schema.ts'
import { relevantErrors } from './schema-errors.ts'

/** Checks a document against its kind's schema and fills in defaults, in place. */
export type Validator = (document: unknown) => readonly ErrorObject[]

/** The validator of a kind; its schema is compiled with the first document, because that takes most of a command's time. */
export function validatorOf(definition: KindDefinition): Validator {
  let validate: ValidateFunction | undefined
  return (document) => {
    validate ??= compile(definition)
    return validate(document) ? [] : relevantErrors(validate.errors ?? [])
  }
}

function compile(definition: KindDefinition): ValidateFunction {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    useDefaults: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    // Ours are checked against the schema of schemas by the tests; doing it here takes ten times as long as compiling.
    validateSchema: false,
  })
  formats.default(ajv)
  ajv.addFormat('duration', (text: string) => parseDuration(text) !== undefined)
  ajv.addVocabulary([
    'x-template',
    'x-message-template',
    'x-secret',
    'x-secret-only',
    'x-secret-fields',
    'x-expression',
    'x-path',
    'x-verbatim',
    'x-pattern-hint',
    'markdownDescription',
  ])
  ajv.addKeyword({ keyword: 'x-one-of', type: 'object', schemaType: 'array', validate: hasExactlyOne, errors: false })
  return ajv.compile(documentSchema(definition))
}

function hasExactlyOne(names: readonly string[], value: object): boolean {
  return names.filter((name) => Object.hasOwn(value, name)).length === 1
}
