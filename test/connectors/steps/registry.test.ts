import { describe, expect, it } from 'vitest'
import { steps } from '../../../src/connectors/steps/index.ts'
import { messageScope } from '../../../src/connectors/steps/message-scope.ts'
import type { KindDefinition } from '../../../src/manifest/kind.ts'
import { apiVersion } from '../../../src/manifest/schema.ts'
import { checkTemplates } from '../../../src/manifest/templates.ts'
import { validatorOf } from '../../../src/manifest/validator.ts'

/** A kind with a list of steps, each keyed by its type, as a workflow has it. */
const definition: KindDefinition = {
  kind: 'Workflow',
  plural: 'workflows',
  summary: 'For this test.',
  spec: {
    type: 'object',
    additionalProperties: false,
    properties: {
      steps: {
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          'x-one-of': Object.keys(steps),
          properties: Object.fromEntries(Object.entries(steps).map(([type, { config }]) => [type, config])),
        },
      },
    },
  },
  scope: () => messageScope,
}

const validate = validatorOf(definition)

function problems(...list: readonly object[]): string[] {
  const spec = { steps: list }
  const document = { apiVersion, kind: 'Workflow', metadata: { name: 'a' }, spec }
  const found = validate(document).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`)
  return [...found, ...checkTemplates(spec, definition.spec, messageScope, ['spec']).map(({ message }) => message)]
}

describe('the registry of steps', () => {
  it('lists each step under its own type', () => {
    for (const [type, step] of Object.entries(steps)) expect(step.type).toBe(type)
  })

  it('lets manifests be validated, with every expression in them', () => {
    const window = { window: '1m', values: { n: { count: 'true' }, s: { sum: 'message.n' } } }
    const good = [
      { filter: 'message.channel == "l2_data"' },
      { set: { product: 'message.events[0].product_id', $: 'message' } },
      { remove: ['a.b', 'rows[0]'] },
      { rename: { a: 'b' } },
      { flatten: {} },
      { explode: { list: 'message.l', as: 'item' } },
      { route: { branches: [{ to: 'hot', when: 'meta.key == "x"' }], default: 'cold' } },
      { dedupe: { by: 'message.id', window: '1h' } },
      { throttle: { messages: 1, per: '1s' } },
      { aggregate: { ...window, time: 'now', by: { k: 'message.k' }, every: '10s', idle: '1m' } },
      { sample: { fraction: 0.1, by: 'message.k' } },
      { sample: { every: 10 } },
    ]
    expect(good.map((step) => Object.keys(step)[0])).toEqual(expect.arrayContaining(Object.keys(steps)))
    expect(problems(...good)).toEqual([])
  })

  it.each([
    [{ filter: 'mesage.a == 1' }, 'spec.steps[0].filter: mesage is not known here; did you mean message?'],
    [{ set: { a: 'meta.kye' } }, 'spec.steps[0].set.a: meta.kye is not known here; did you mean meta.key?'],
    [
      { route: { branches: [{ to: 'a', when: '1 +' }] } },
      'spec.steps[0].route.branches[0].when: 1 + is not a CEL expression',
    ],
    [
      { aggregate: { window: '1m', values: { a: { sum: 'nothing' } } } },
      'spec.steps[0].aggregate.values.a.sum: nothing is not known',
    ],
    [{ aggregate: { window: '1m', values: {}, time: 'x' } }, 'spec.steps[0].aggregate.time: x is not known here'],
    [{ dedupe: { by: 'secrets.TOKEN' } }, 'secrets.TOKEN'],
    [{ sample: { fraction: 0.1, every: 2 } }, '/spec/steps/0/sample x-one-of'],
    [
      { aggregate: { window: '1m', values: { a: { sum: '1', min: '1' } } } },
      '/spec/steps/0/aggregate/values/a x-one-of',
    ],
    [{ remove: ['$'] }, '/spec/steps/0/remove/0 pattern'],
    [{ throttle: { messages: 1, per: 'soon' } }, '/spec/steps/0/throttle/per format'],
  ])('has the validation find %j', (step, problem) => {
    expect(problems(step).join('\n')).toContain(problem)
  })
})
