import { HermesError } from '../errors.ts'
import { tableSqlOf } from './dialects.ts'
import { planDelete, planMove } from './row-plan.ts'
import { folded } from './sqlite/ddl.ts'
import type { DataTables, Store, StoredEntry } from './store.ts'
import { planTable } from './table-plan.ts'
import type { ActualTable } from './table-shape.ts'

/** What plans need to know of a database, as plain data: no rows. */
export interface RecordedWorld {
  readonly dialect: Store['dialect']
  readonly entries: readonly StoredEntry[]
  /** Everything that could be in the way of a table; of what is not ours only the name. */
  readonly tables: readonly RecordedTable[]
}

export interface RecordedTable {
  readonly shape: ActualTable
  /** Whose rows it holds, and how many. */
  readonly sources: readonly { readonly source: string; readonly rows: number }[]
}

/** Records a database as it is. Counts the rows of every source, which takes its time where there are many. */
export async function recordWorld({ dialect, ledger, tables }: Store): Promise<RecordedWorld> {
  const entries = await ledger.entries()
  const names = await tables.names()
  const [shapes, owners] = await Promise.all([tables.shapes(names), tables.owners(names)])
  const holdings = [...owners].flatMap(([table, sources]) => sources.map((source) => ({ table, source })))
  const counts = await tables.counts(holdings)
  const recorded = [...shapes].map(([name, shape]): RecordedTable => {
    const sources = owners.get(name) ?? []
    return {
      shape: shape.ours ? shape : { name, columns: [], key: [], indexes: [], ours: false, runIndex: false },
      sources: sources.map((source) => ({ source, rows: counts.get(`${name}/${source}`) ?? 0 })),
    }
  })
  return { dialect, entries, tables: recorded.toSorted((a, b) => (a.shape.name < b.shape.name ? -1 : 1)) }
}

/** A store that answers from a record: to be looked at and planned against, and nothing else. */
export function recordedStore(world: RecordedWorld): Store {
  return {
    dialect: world.dialect,
    location: 'a recorded state',
    ping: async () => undefined,
    leftBehindEnded: async () => undefined,
    ledger: { entries: async () => world.entries, put: refuse, settle: refuse, delete: refuse, approve: refuse },
    tables: recordedTables(world),
    runs: { facts: async () => new Map(), cursors: async () => new Map(), begin: refuse, forget: refuse },
    deadLetters: {
      of: () => ({ write: refuse }),
      list: async () => [],
      find: async () => [],
      counts: async () => new Map(),
      take: refuse,
      delete: refuse,
      countAttempt: refuse,
      clear: refuse,
    },
    checkpoints: { read: async () => new Map(), save: refuse, delete: refuse },
    messages: { open: () => ({ write: refuse, [Symbol.asyncDispose]: async () => undefined }) },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function recordedTables({ dialect, tables }: RecordedWorld): DataTables {
  const sql = tableSqlOf(dialect)
  const key = dialect === 'sqlite' ? folded : (name: string) => name
  const known = new Map(tables.map((table) => [key(table.shape.name), table]))
  const counts = new Map(
    tables.map(({ shape, sources }) => [key(shape.name), new Map(sources.map(({ source, rows }) => [source, rows]))]),
  )
  const pick = <T>(names: readonly string[], answer: (table: RecordedTable) => T): ReadonlyMap<string, T> =>
    new Map(
      names.flatMap((name) => {
        const table = known.get(key(name))
        return table === undefined ? [] : [[name, answer(table)] as const]
      }),
    )
  return {
    names: async () => tables.map(({ shape }) => shape.name),
    shapes: async (names) => pick(names, ({ shape }) => shape),
    plan: (desired, actual, options) => planTable(sql, desired, actual, options),
    planDelete,
    planMove: (from, to, shape, rows) => planMove(sql, from, to, shape, rows),
    execute: refuse,
    alone: refuse,
    owners: async (names) => pick(names, ({ sources }) => sources.map(({ source }) => source)),
    counts: async (holdings) =>
      new Map(holdings.map(({ table, source }) => [`${table}/${source}`, counts.get(key(table))?.get(source) ?? 0])),
    rows: refuse,
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new HermesError('internal', 'a recorded state can only be planned against'))
}
