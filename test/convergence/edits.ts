import * as fc from 'fast-check'
import { agreed, type Draft, type FleetSource, slots, sound, tableOf, type Write } from './fleet.ts'
import { fields } from './records.ts'

const facets = [
  'table',
  'key',
  'declared',
  'write',
  'evolve',
  'deletionPolicy',
  'suspend',
  'version',
  'connector',
  'incremental',
  'slot',
] as const

type Facet = (typeof facets)[number]

/** One change to the manifests, to their files, or to the database behind Hermes' back. */
export type Edit =
  | { readonly do: 'add'; readonly name: number; readonly draft: Draft }
  | { readonly do: 'remove' | 'break'; readonly pick: number }
  | { readonly do: 'rename'; readonly pick: number; readonly name: number }
  | { readonly do: 'change'; readonly pick: number; readonly facet: Facet; readonly draft: Draft }
  | { readonly do: 'mend' | 'vanish' }
  /** As a service that runs on, or as commands that open Hermes anew each time. */
  | { readonly do: 'restart'; readonly live: boolean }
  | { readonly do: 'drop column' | 'drop index' | 'drop table' | 'empty table'; readonly pick: number }

/** What is done before Hermes is asked to settle it, and whether what it blocks is approved then. */
export interface Round {
  readonly edits: readonly Edit[]
  readonly approve: boolean
}

const names = ['s0', 's1', 's2', 's3', 's4', 's5']

const fieldNames = Object.keys(fields).filter((name) => name !== 'raw')

const draft: fc.Arbitrary<Draft> = fc.record({
  slot: fc.nat(slots.length - 1),
  version: fc.nat(3),
  connector: fc.constantFrom('file' as const, 'http' as const),
  incremental: fc.option(fc.constantFrom('qty', 'at', 'day', 'name'), { freq: 1 }),
  table: fc.option(fc.constantFrom('alpha', 'beta'), { freq: 4 }),
  key: fc.constantFrom<readonly string[]>(['id'], ['id'], [], ['name'], ['id', 'name'], ['qty']),
  declared: fc.dictionary(fc.constantFrom(...fieldNames), fc.nat(4), { maxKeys: 4, noNullPrototype: true }),
  write: fc.option(fc.constantFrom<Write>('merge', 'append', 'replace')),
  evolve: fc.constantFrom('additive' as const, 'additive' as const, 'freeze' as const),
  deletionPolicy: fc.constantFrom('delete' as const, 'delete' as const, 'orphan' as const),
  suspend: fc.constantFrom(false, false, false, true),
})

const pick = fc.nat(20)
const name = fc.nat(names.length - 1)
const just = <T>(value: T): fc.Arbitrary<T> => fc.constant(value)

const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: just('add' as const), name, draft }) },
  { weight: 9, arbitrary: fc.record({ do: just('change' as const), pick, facet: fc.constantFrom(...facets), draft }) },
  { weight: 2, arbitrary: fc.record({ do: just('remove' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: just('rename' as const), pick, name }) },
  { weight: 1, arbitrary: fc.record({ do: just('break' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('mend' as const, 'mend' as const, 'vanish' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: just('restart' as const), live: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('drop column' as const, 'drop index' as const, 'drop table' as const, 'empty table' as const),
      pick,
    }),
  },
)

/** A history: a fleet to begin with, and rounds of edits. */
export function histories(rounds: number): fc.Arbitrary<readonly Round[]> {
  const first = fc.record({ do: just('add' as const), name, draft })
  const begin = fc.record({ do: just('restart' as const), live: fc.boolean() })
  const adds = fc.array(first, { minLength: 2, maxLength: 4 })
  const start = fc.record({ edits: fc.tuple(begin, adds).map(([one, more]) => [one, ...more]), approve: fc.boolean() })
  const round = fc.record({ edits: fc.array(anyEdit, { minLength: 1, maxLength: 3 }), approve: fc.boolean() })
  const more = fc.array(round, { minLength: 2, maxLength: rounds })
  return fc.tuple(start, more).map(([one, rest]) => [one, ...rest])
}

/** The manifests as the edits have made them, and what of the past the tables may show for good. */
export class Fleet {
  sources: readonly FleetSource[] = []
  broken: ReadonlySet<number> = new Set()
  vanished = false
  /** Fields that were declared once: where they no longer are, their columns may have kept a type of that time. */
  readonly declaredOnce = new Set<string>()
  /** Tables that a source with `deletionPolicy: orphan` named, and the names of such sources. */
  readonly orphanTables = new Set<string>()
  readonly orphans = new Set<string>()

  edit(edit: Edit): void {
    switch (edit.do) {
      case 'add':
        return this.#add(edit.name, edit.draft)
      case 'remove':
        return this.#replace(edit.pick, () => [])
      case 'rename':
        return this.#rename(edit.pick, names[edit.name] ?? '')
      case 'change':
        return this.#replace(edit.pick, (source) => [{ ...source, [edit.facet]: edit.draft[edit.facet] }])
      case 'break':
        this.broken = new Set([...this.broken, edit.pick % slots.length])
        return
      case 'vanish':
        this.vanished = true
        return
      case 'mend':
        return this.mend()
      default:
    }
  }

  mend(): void {
    this.broken = new Set()
    this.vanished = false
  }

  /** The last word: nothing broken, nobody at odds over a table. */
  conclude(): void {
    this.mend()
    if (this.sources.length === 0) this.#add(0, plain)
    this.#set(agreed(this.sources))
  }

  #add(index: number, made: Draft): void {
    const free =
      names.find((each, place) => place >= index && !this.#has(each)) ?? names.find((each) => !this.#has(each))
    if (free !== undefined) this.#set([...this.sources, { ...made, name: free }])
  }

  #rename(picked: number, to: string): void {
    if (this.#has(to)) return
    this.#replace(picked, ({ movedFrom: _before, ...source }) => [{ ...source, name: to, movedFrom: source.name }])
  }

  #replace(picked: number, change: (source: FleetSource) => FleetSource[]): void {
    const place = picked % Math.max(1, this.sources.length)
    this.#set(this.sources.flatMap((source, index) => (index === place ? change(source) : [source])))
  }

  #set(sources: readonly FleetSource[]): void {
    this.sources = sources.map(sound)
    for (const source of this.sources) {
      for (const field of Object.keys(source.declared)) this.declaredOnce.add(field)
      if (source.deletionPolicy !== 'orphan') continue
      this.orphans.add(source.name)
      this.orphanTables.add(tableOf(source))
    }
  }

  #has(wanted: string): boolean {
    return this.sources.some((source) => source.name === wanted)
  }
}

const plain: Draft = {
  slot: 0,
  version: 0,
  connector: 'file',
  incremental: null,
  table: null,
  key: ['id'],
  declared: {},
  write: null,
  evolve: 'additive',
  deletionPolicy: 'delete',
  suspend: false,
}
