import { describe, expect, it } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { workflowConnectors, workflowKind } from '../../src/resources/workflow-kind.ts'

const kind = workflowKind(workflowConnectors)
const read = manifestReader([kind])

const generate = { generate: { payload: 'x' } }
const drop = { drop: {} }

function found(spec: object): string[] {
  const manifest = { apiVersion: 'hermes/v1', kind: 'Workflow', metadata: { name: 'own' }, spec }
  const { manifests, problems } = read(JSON.stringify(manifest, null, 1), 'own.json')
  const all = [...problems, ...manifests.flatMap((each) => kind.warnings?.(each) ?? [])]
  for (const { at, fix } of all) expect([at.line > 0, fix.length > 0]).toEqual([true, true])
  return all.map(({ code, message }) => `${code} ${message}`)
}

const route = (to: string) => ({ route: { branches: [{ to, when: 'true' }] } })

describe('what a schema cannot say of a workflow', () => {
  it.each([
    [
      'two sinks of one name',
      {
        source: generate,
        sinks: [
          { name: 'a', ...drop },
          { name: 'a', ...drop },
        ],
      },
      'duplicate_name spec.sinks[1].name: sinks[0] has the name a too',
    ],
    [
      'a route that no sink takes',
      { source: generate, steps: [route('b')], sinks: [drop] },
      'invalid_value spec.steps[0].route: no sink takes the route b, and its messages would be lost',
    ],
    [
      'a second aggregate',
      {
        source: generate,
        steps: [1, 2].map(() => ({
          aggregate: { window: '1m', values: { n: { count: 'true' } } },
        })),
        sinks: [drop],
      },
      'has one aggregate',
    ],
    [
      'itself as a sink',
      { source: { workflow: {} }, sinks: [{ workflow: { name: 'own' } }] },
      'invalid_value spec.sinks[0].workflow.name: a workflow cannot hand messages to itself',
    ],
    [
      'the file that it follows as a sink',
      { source: { file: { path: '../a.jsonl' } }, sinks: [drop, { file: { path: '../b/../a.jsonl' } }] },
      'invalid_value spec.sinks[1].file.path: a workflow cannot write to the file that it follows',
    ],
    [
      'its own dead letters as a source',
      { source: { dead_letter: { workflow: 'own' } }, sinks: [drop] },
      'a workflow cannot read its own dead letters',
    ],
    [
      'several writes at once to a sink that takes one',
      { source: generate, sinks: [{ maxInFlight: 2, table: { name: 't' } }] },
      'invalid_value spec.sinks[0].maxInFlight: table writes one batch at a time',
    ],
    [
      'two sinks for dead letters',
      { source: generate, sinks: [drop], deadLetter: { drop: {}, stdout: {} } },
      'spec.deadLetter.stdout: dead letters go to one sink',
    ],
    [
      'dead letters that are sent elsewhere and drained',
      { source: generate, sinks: [drop], deadLetter: { drainFirst: true, stdout: {} } },
      'spec.deadLetter.drainFirst: only the letters of the table can be drained',
    ],
  ])('%s', (_what, spec, problem) => {
    expect(found(spec).filter((each) => each.includes(problem))).toHaveLength(1)
  })

  it('says nothing where all is well', () => {
    const sinks = [
      { name: 'b', ...drop },
      { maxInFlight: 4, redis: { url: 'redis://127.0.0.1', publish: 'c' } },
      { name: 'c', routes: ['x'], ...drop },
    ]
    expect(found({ source: generate, steps: [route('b'), route('x')], sinks })).toEqual([])
  })
})

describe('what a person should know of a workflow', () => {
  const routed = { routes: ['x', 'y'], ...drop }

  it('a sink that nothing is routed to', () => {
    expect(found({ source: generate, sinks: [drop, routed] })).toEqual([
      'route_unused spec.sinks[1].routes: no step gives the route x or y: the sink drop-2 gets nothing',
    ])
    expect(found({ source: generate, steps: [route('y')], sinks: [drop, routed] })).toEqual([])
    expect(found({ source: generate, suspend: true, sinks: [routed] })).toEqual([])
  })
})
