import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { Bench, freshContents } from './bench.ts'
import { connection, source } from './manifests.ts'

const names = ['a', 'b', 'c', 'd', 'e']
const tables = ['t', 'u', 'v']
const files = ['1.yaml', '2.yaml', '3.yaml']

const sourceArbitrary = fc
  .record({
    name: fc.constantFrom(...names),
    table: fc.constantFrom(...tables),
    columns: fc.subarray(['x', 'y', 'z']),
    file: fc.constantFrom(...files),
    connected: fc.boolean(),
    movedFrom: fc.option(fc.constantFrom(...names), { freq: 3 }),
  })
  .map(({ name, table, columns, file, connected, movedFrom }) => {
    const annotations = movedFrom === null ? {} : { 'hermes/moved-from': movedFrom }
    const spec = { table, columns: ['id', ...columns], ...(connected ? { connection: 'c' } : {}) }
    return source(name, spec, { file, annotations })
  })

const set = fc
  .uniqueArray(sourceArbitrary, { selector: (manifest) => manifest.name, minLength: 1, maxLength: names.length })
  .chain((sources) => fc.boolean().map((declared): Manifest[] => (declared ? [connection('c'), ...sources] : sources)))

const event = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), manifests: set }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('gaps' as const),
      manifests: set,
      broken: fc.subarray(files),
      complete: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('empty' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drift' as const), table: fc.constantFrom(...tables) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('failure' as const), in: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never

/** Approves whatever is blocked until nothing is. */
async function approveAll(bench: Bench): Promise<void> {
  for (;;) {
    const blocked = bench.engine.state().resources.find(({ outcome }) => outcome.state === 'blocked')
    if (blocked?.outcome.state !== 'blocked') return
    await bench.engine.approve(blocked.outcome.approval)
    await bench.engine.settled()
  }
}

function failOnce(bench: Bench, after: number): void {
  let left = after
  bench.world.beforeStep = () => {
    left -= 1
    if (left === -1) throw new Error('once')
  }
}

/** Plays one event; returns the bench to go on with. */
async function play(bench: Bench, what: Event): Promise<Bench> {
  switch (what.kind) {
    case 'set':
      await bench.apply(what.manifests)
      break
    case 'gaps':
      await bench.apply(what.manifests, what)
      break
    case 'empty':
      await bench.apply([])
      break
    case 'drift':
      for (const holding of bench.world.rows) if (holding.startsWith(`${what.table}/`)) bench.world.rows.delete(holding)
      bench.world.tables.delete(what.table)
      if (bench.engine.state().revision !== undefined) await bench.resync()
      break
    case 'failure':
      failOnce(bench, what.in)
      break
    case 'restart':
      await bench[Symbol.asyncDispose]()
      return new Bench(bench)
    default:
      throw what satisfies never
  }
  return bench
}

it('leads from any past to the same world, and then has nothing left to do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 8 }), set, fc.boolean(), async (events, last, patient) => {
      const expected = await freshContents(last)
      let bench = new Bench()
      for (const each of events) {
        bench = await play(bench, each)
        if (patient) await approveAll(bench)
      }
      bench.world.beforeStep = () => undefined
      await bench.apply(last)
      await approveAll(bench)
      await bench.advance(60_000)
      await approveAll(bench)
      const plan = await bench.plan(last)
      const due = plan.resources.filter((each) => each.waitsFor === undefined)
      await bench[Symbol.asyncDispose]()
      if (last.some((manifest) => manifest.kind === 'Connection')) expect(bench.world.contents).toEqual(expected)
      expect(due).toEqual([])
    }),
    { numRuns: 150 },
  )
})
