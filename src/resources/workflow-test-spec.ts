import type { KindDefinition } from '../manifest/kind.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import type { JsonSchema } from '../stream/connector.ts'

/** `spec` of a WorkflowTest. */
export interface WorkflowTestSpec {
  readonly workflow: string
  readonly cases: readonly TestCase[]
}

export interface TestCase {
  readonly name: string
  readonly at?: string
  readonly input: readonly unknown[]
  readonly expect: Expectations
}

export interface Expectations {
  readonly sinks?: Readonly<Record<string, SinkExpectation>>
  readonly deadLetters?: readonly LetterPattern[] | { readonly count: number }
  readonly filtered?: number
}

/** Exactly these messages, or some of what they are. */
export type SinkExpectation = readonly unknown[] | { readonly count?: number; readonly contains?: readonly unknown[] }

export interface LetterPattern {
  readonly stage?: string
  readonly reason?: string
  readonly message?: unknown
}

/** What is written in the place of a message that is no JSON value itself, or of which more is known. */
export interface WrittenMessage {
  readonly $json?: unknown
  readonly $text?: string
  readonly $base64?: string
  readonly $file?: string
  readonly $wait?: string | number
  readonly $meta?: WrittenMeta
}

export interface WrittenMeta {
  readonly id?: string
  readonly key?: string
  readonly route?: string
}

/** The clock of a case that says nothing: later than anything that happens in its messages. */
export const standardTime = '2100-01-01T00:00:00Z'

const text = (description: string): JsonSchema => ({ type: 'string', description })

const meta = (description: string): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  description,
  properties: {
    id: text('What tells it from all others.'),
    key: text('Messages with one key keep their order.'),
    route: text('The route that a step gave it.'),
  },
})

/** A message as it stands, or in a mapping whose names begin with `$`. */
function message(description: string, about: string, more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  const payload = ['$json', '$text', '$base64', '$file']
  return {
    description,
    if: { type: 'object', not: { propertyNames: { not: { pattern: '^\\$' } } } },
    then: {
      type: 'object',
      additionalProperties: false,
      'x-one-of': [...payload, ...Object.keys(more)],
      properties: {
        $json: { description: 'A message that is a mapping with such names itself, or one that has `$meta`.' },
        $text: text('A payload that is no JSON, as text.'),
        $base64: {
          type: 'string',
          pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
          'x-pattern-hint': 'base64',
          description: 'A payload that is no text.',
        },
        $file: {
          type: 'string',
          minLength: 1,
          description: 'A file beside the test: a message for each line of `.jsonl`, one message of any other.',
        },
        ...more,
        $meta: meta(about),
      },
    },
  }
}

const sent = message(
  'A message as JSON; what is none in a mapping with one of these.',
  'What the source knows of it; nothing when left out.',
  {
    $wait: {
      type: ['string', 'integer'],
      format: 'duration',
      description: 'No message: so much time passes before the next one, `10s`.',
    },
  },
)
const written = message(
  'A message as JSON; one that is none in a mapping with one of these.',
  'What must be known of it; anything may be when left out.',
)

const spec: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['workflow', 'cases'],
  'x-verbatim': true,
  properties: {
    workflow: { type: 'string', minLength: 1, description: 'Name of a Workflow among the manifests.' },
    cases: {
      type: 'array',
      minItems: 1,
      description:
        'What goes in, and what has to come out. Each case starts anew, with nothing kept of the one before; at its end ' +
        'all windows close.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'input', 'expect'],
        properties: {
          name: { type: 'string', minLength: 1, description: 'What is shown, unique in the test.' },
          at: {
            type: 'string',
            format: 'date-time',
            description: `The clock at its start; it stands still but for \`$wait\`. Left out: \`${standardTime}\`.`,
          },
          input: { type: 'array', description: 'Messages as the source gives them, in order.', items: sent },
          expect: {
            type: 'object',
            additionalProperties: false,
            minProperties: 1,
            description: 'What has to come out.',
            properties: {
              sinks: {
                type: 'object',
                description:
                  'By name of a sink, what it gets: a list of exactly these messages, in this order, or a mapping. Sinks ' +
                  'that are left out may get anything.',
                additionalProperties: {
                  anyOf: [
                    { type: 'array', items: written },
                    {
                      type: 'object',
                      additionalProperties: false,
                      minProperties: 1,
                      properties: {
                        count: { type: 'integer', minimum: 0, description: 'So many messages.' },
                        contains: {
                          type: 'array',
                          minItems: 1,
                          description:
                            'These messages, in this order, others between them. A mapping may have more fields than ' +
                            'are written here, at every level.',
                          items: written,
                        },
                      },
                    },
                  ],
                },
              },
              deadLetters: {
                description:
                  'What fails before the sinks, in order: a list, or `{ count: 2 }`. Left out: nothing may fail.',
                anyOf: [
                  {
                    type: 'array',
                    items: {
                      type: 'object',
                      additionalProperties: false,
                      properties: {
                        stage: text('Where it fails: `validate`, `delivery`, `steps[0].set`.'),
                        reason: text('A part of the reason.'),
                        message: written,
                      },
                    },
                  },
                  {
                    type: 'object',
                    additionalProperties: false,
                    required: ['count'],
                    properties: { count: { type: 'integer', minimum: 0, description: 'So many messages.' } },
                  },
                ],
              },
              filtered: {
                type: 'integer',
                minimum: 0,
                description: 'Messages that steps leave out on purpose, all steps together.',
              },
            },
          },
        },
      },
    },
  },
}

/** Tests of workflows: in files of their own, and no resource. */
export const workflowTestKind: KindDefinition = {
  kind: 'WorkflowTest',
  plural: 'workflowtests',
  summary: 'Messages, and what a workflow has to make of them; in a file named *.test.yaml.',
  spec,
  check: (manifest) => sameNames(manifest as Manifest<WorkflowTestSpec>),
}

function sameNames(manifest: Manifest<WorkflowTestSpec>): Problem[] {
  const seen = new Set<string>()
  return manifest.spec.cases.flatMap(({ name }, index) => {
    const isFirst = !seen.has(name)
    seen.add(name)
    if (isFirst) return []
    const path = `spec.cases[${index}].name`
    const at = manifest.locate(path)
    return [{ code: 'duplicate_name', message: `${path}: another case has this name`, at, path, fix: rename }]
  })
}

const rename = 'Give each case a name of its own.'
