import { HermesError } from '../../src/errors.ts'
import type { Key, Manifest } from '../../src/manifest/manifest.ts'
import type { Controller, Op, Step, Subject } from '../../src/reconcile/controller.ts'
import { reasonOf } from '../../src/reconcile/reason.ts'
import type { ConnectionSpec, SourceSpec, TableSpec } from './manifests.ts'

interface WorldStep extends Step {
  readonly change: (world: World) => void
}

/** Tables with columns, and rows of sources in them: what the manifests are about, without a database. */
export class World {
  /** Columns by table. */
  readonly tables = new Map<string, Set<string>>()
  /** `table/source` for each source with rows in a table. */
  readonly rows = new Set<string>()
  readonly secrets = new Set<string>(['none'])
  /** Every step that was carried out, `Kind/name: summary`. */
  readonly done: string[] = []
  readonly observed: string[] = []
  /** Runs before each step's change; what it throws is what the step throws. */
  beforeStep: (key: Key, step: Step) => void | Promise<void> = () => undefined
  afterStep: (key: Key, step: Step) => void = () => undefined
  beforeObserve: (kind: string) => void | Promise<void> = () => undefined

  /** What is there, for comparison. */
  get contents(): { tables: readonly string[]; rows: readonly string[] } {
    const tables = [...this.tables].map(([name, columns]) => `${name}(${[...columns].toSorted().join(',')})`)
    return { tables: tables.toSorted(), rows: [...this.rows].toSorted() }
  }

  controllers(): readonly Controller[] {
    return [this.#connections(), this.#tables(), this.#sources()] as readonly Controller[]
  }

  #connections(): Controller<ConnectionSpec, true, WorldStep> {
    return {
      kind: 'Connection',
      references: () => [],
      observe: (subjects) => this.#observe('Connection', subjects, () => true),
      plan: () => [],
      apply: async () => undefined,
      check: async (desired) => {
        if (this.secrets.has(desired.spec.secret)) return
        throw new HermesError('secret_missing', `secret ${desired.spec.secret} has no value`, { at: desired.at })
      },
    }
  }

  #tables(): Controller<TableSpec, ReadonlySet<string>, WorldStep> {
    return {
      kind: 'Table',
      derived: true,
      references: () => [],
      observe: (subjects) => this.#observe('Table', subjects, ({ name }) => this.tables.get(name)),
      plan: (subject, actual) => planTable(subject, actual),
      apply: (subject, step) => this.#apply(`Table/${subject.name}`, step),
    }
  }

  #sources(): Controller<SourceSpec, ReadonlySet<string>, WorldStep> {
    return {
      kind: 'SourceDefinition',
      references: (_name, spec) => {
        const table = `Table/${spec.table}`
        return spec.connection === undefined ? [table] : [`Connection/${spec.connection}`, table]
      },
      observe: (subjects) => this.#observe('SourceDefinition', subjects, (subject) => this.#holdings(subject)),
      plan: (subject, actual) => planSource(subject, actual ?? new Set()),
      apply: (subject, step) => this.#apply(`SourceDefinition/${subject.name}`, step),
    }
  }

  async #observe<Spec, Actual>(
    kind: string,
    subjects: readonly Subject<Spec>[],
    look: (subject: Subject<Spec>) => Actual | undefined,
  ): Promise<ReadonlyMap<string, Actual>> {
    this.observed.push(kind)
    await this.beforeObserve(kind)
    const seen = new Map<string, Actual>()
    for (const subject of subjects) {
      const actual = look(subject)
      if (actual !== undefined) seen.set(subject.name, actual)
    }
    return seen
  }

  /** Where rows stand that any claim may have put there. */
  #holdings(subject: Subject<SourceSpec>): ReadonlySet<string> {
    const own = subject.claims.map((claim) => `${claim.spec.table}/${subject.name}`)
    const from = subject.takesFrom
    const taken = from?.claims.map((claim) => `${claim.spec.table}/${from.name}`) ?? []
    return new Set([...own, ...taken].filter((holding) => this.rows.has(holding)))
  }

  async #apply(key: Key, step: WorldStep): Promise<void> {
    await this.beforeStep(key, step)
    step.change(this)
    this.done.push(`${key}: ${step.summary}`)
    this.afterStep(key, step)
  }
}

function planTable(subject: Subject<TableSpec>, actual: ReadonlySet<string> | undefined): readonly WorldStep[] {
  const { name, desired } = subject
  const reason = reasonOf(subject, 'the table is missing')
  if (desired === undefined) {
    if (actual === undefined) return []
    return [
      { ...described('-', 'drop table', 'no source uses it any more'), change: (world) => dropTable(world, name) },
    ]
  }
  const { columns } = desired.spec
  if (actual === undefined) {
    const create = described('+', `create table (${columns.join(', ')})`, reason)
    return [{ ...create, sql: `CREATE TABLE ${name}`, change: (world) => world.tables.set(name, new Set(columns)) }]
  }
  const claimed = new Set(subject.claims.flatMap((claim) => claim.spec.columns))
  const gone = [...claimed].filter((column) => actual.has(column) && !columns.includes(column)).toSorted()
  return [
    ...columns
      .filter((column) => !actual.has(column))
      .map((column) => ({
        ...described('+', `add column ${column}`, reason),
        change: (world: World) => columnsOf(world, name).add(column),
      })),
    ...gone.map((column) => ({
      ...described('~', `drop column ${column}`, reason),
      destroys: { what: `column ${column}`, rows: actual.size },
      change: (world: World) => columnsOf(world, name).delete(column),
    })),
  ]
}

function planSource(subject: Subject<SourceSpec>, actual: ReadonlySet<string>): readonly WorldStep[] {
  const { name, desired, takenBy } = subject
  if (desired === undefined) {
    const holdings = takenBy === undefined ? [...actual].toSorted() : []
    return holdings.map((holding) => ({
      ...described('-', `delete rows ${holding}`, 'the manifest was removed'),
      change: (world) => world.rows.delete(holding),
    }))
  }
  const home = `${desired.spec.table}/${name}`
  const strays = [...actual].filter((holding) => holding !== home).toSorted()
  if (strays.length > 0) {
    return strays.map((stray) => ({
      ...described('~', `move rows ${stray} to ${home}`, reasonOf(subject, 'rows stand elsewhere')),
      change: (world) => moveRows(world, stray, home),
    }))
  }
  if (actual.size > 0) return []
  return [
    { ...described('+', 'fetch', reasonOf(subject, 'rows are missing')), change: (world) => fill(world, desired) },
  ]
}

function described(op: Op, summary: string, reason: string): Step {
  return { op, summary, reason }
}

function columnsOf(world: World, table: string): Set<string> {
  const columns = world.tables.get(table)
  if (columns === undefined) throw new Error(`there is no table ${table}`)
  return columns
}

function dropTable(world: World, table: string): void {
  const owners = [...world.rows].filter((holding) => holding.startsWith(`${table}/`))
  if (owners.length > 0) throw new HermesError('table_not_empty', `table ${table} holds ${owners.join(', ')}`)
  world.tables.delete(table)
}

function moveRows(world: World, from: string, to: string): void {
  columnsOf(world, to.slice(0, to.indexOf('/')))
  world.rows.add(to)
  world.rows.delete(from)
}

function fill(world: World, desired: Manifest<SourceSpec>): void {
  columnsOf(world, desired.spec.table)
  world.rows.add(`${desired.spec.table}/${desired.name}`)
}
