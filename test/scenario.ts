import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { readConfig } from '../src/config.ts'
import { openHermes } from '../src/hermes.ts'
import type { Plan } from '../src/reconcile/plan.ts'
import type { Hermes } from '../src/service/api.ts'
import type { Log } from '../src/stream/connector.ts'
import type { Home } from './store/homes.ts'

/** A scenario file: a script of one command a line, then named files, as in Go's txtar. */
export interface Scenario {
  readonly script: readonly { readonly line: number; readonly text: string }[]
  readonly files: ReadonlyMap<string, string>
}

export function parseScenario(text: string): Scenario {
  const script: { line: number; text: string }[] = []
  const files = new Map<string, string>()
  let name: string | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^-- (.+) --$/.exec(line)
    if (header?.[1] !== undefined) {
      name = header[1]
      files.set(name, '')
    } else if (name !== undefined) {
      files.set(name, `${files.get(name) ?? ''}${line}\n`)
    } else if (line.trim() !== '' && !line.startsWith('#')) {
      script.push({ line: index + 1, text: line.trim() })
    }
  }
  return { script, files }
}

/** Runs a scenario on one database. After every change Hermes is opened anew: nothing may depend on a process's memory. */
export async function runScenario(scenario: Scenario, home: Home): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-scenario-'))
  try {
    await using stage = new Stage(scenario, home, directory)
    await stage.writeAll('data', 'data')
    for (const { line, text } of scenario.script) {
      try {
        await stage.command(text)
      } catch (error) {
        if (error instanceof Error) error.message = `line ${line}: ${text}\n${error.message}`
        throw error
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent }

const looks = new Set(['plan', 'fetches', 'exit-code', 'state', 'problem', 'rows', 'columns', 'tables'])

class Stage implements AsyncDisposable {
  readonly #scenario: Scenario
  readonly #home: Home
  readonly #directory: string
  /** Serves commands that only look, from one change to the next. */
  #looker: Hermes | undefined

  constructor(scenario: Scenario, home: Home, directory: string) {
    this.#scenario = scenario
    this.#home = home
    this.#directory = directory
  }

  async command(text: string): Promise<void> {
    const [verb = '', ...rest] = text.split(/\s+/)
    if (!looks.has(verb)) await this[Symbol.asyncDispose]()
    switch (verb) {
      case 'files':
        await rm(join(this.#directory, 'manifests'), { recursive: true, force: true })
        return this.writeAll(rest[0] ?? '', 'manifests')
      case 'data':
        return this.writeAll(rest[0] ?? '', 'data')
      case 'mv':
        return rename(this.#manifest(rest[0]), this.#manifest(rest[1]))
      case 'sql':
        return void (await this.#home.witness(text.slice('sql '.length)))
      case 'plan':
        return this.#comparePlan(rest.at(-1) ?? '')
      case 'fetches':
        return this.#compareFetches(rest.at(-1) ?? '')
      case 'exit-code':
        return this.#look(async (hermes) => expect(exitCodeOf(await hermes.api.plan())).toBe(Number(rest[0])))
      case 'apply':
        return this.#apply()
      case 'run':
        return this.#hermes(async (hermes) => void (await hermes.api.run(rest[0] ?? '', new AbortController().signal)))
      case 'approve':
        return this.#approve(rest[0] ?? '')
      case 'state':
        return this.#compareState(rest[0] ?? '', rest.slice(1).join(' '))
      case 'problem':
        return this.#compareProblem(rest.join(' '))
      case 'rows':
        return this.#compareRows(rest[0] ?? '', rest[2] ?? '')
      case 'columns':
        return this.#compareColumns(rest[0] ?? '', rest[2] ?? '')
      case 'tables':
        return this.#compareTables(rest.slice(1).join(' '))
      default:
        throw new Error(`unknown command ${verb}`)
    }
  }

  async writeAll(section: string, target: string): Promise<void> {
    await mkdir(join(this.#directory, target), { recursive: true })
    for (const [name, text] of this.#scenario.files) {
      if (!name.startsWith(`${section}/`)) continue
      const path = join(this.#directory, target, name.slice(section.length + 1))
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text)
    }
  }

  #manifest(name = ''): string {
    return join(this.#directory, 'manifests', name)
  }

  #section(name: string): string {
    const { files } = this.#scenario
    const text = files.get(`${name}.${this.#home.dialect}`) ?? files.get(name)
    if (text === undefined) throw new Error(`no section ${name}`)
    return text.trimEnd()
  }

  async #hermes(work: (hermes: Hermes) => Promise<void>): Promise<void> {
    await using hermes = await this.#open()
    await work(hermes)
  }

  async #look(work: (hermes: Hermes) => Promise<void>): Promise<void> {
    this.#looker ??= await this.#open()
    await work(this.#looker)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looker?.[Symbol.asyncDispose]()
    this.#looker = undefined
  }

  #open(): Promise<Hermes> {
    const flags = { dataDir: join(this.#directory, '.hermes'), database: this.#home.url, logLevel: 'silent' }
    const environment = { HERMES_SECRET_TOKEN: 'present' }
    const config = readConfig({ manifests: join(this.#directory, 'manifests'), ...flags }, environment, this.#directory)
    return openHermes(config, { environment, clock: systemClock, log: silent })
  }

  /** Invariant 2 with every apply: what is not blocked leaves nothing to do. */
  async #apply(): Promise<void> {
    await this.#hermes(async (hermes) => {
      const report = await hermes.apply({ run: true }, new AbortController().signal)
      expect(report.failed).toEqual([])
    })
    await this.#look(async (hermes) => {
      const plan = await hermes.api.plan()
      const open = plan.resources.filter(
        ({ blocked, waitsFor, opensAt }) => (blocked ?? waitsFor ?? opensAt) === undefined,
      )
      expect(open).toEqual([])
    })
  }

  async #comparePlan(section: string): Promise<void> {
    await this.#look(async (hermes) => expect(describePlan(await hermes.api.plan())).toBe(this.#section(section)))
  }

  async #compareFetches(section: string): Promise<void> {
    await this.#look(async (hermes) => {
      const { resources } = await hermes.api.plan()
      const lines = resources.flatMap(({ key, refetches = [] }) =>
        refetches.map(({ source, rows }) => `${key}: ${rows === undefined ? '' : `${rows} rows of `}${source}`),
      )
      expect(lines.length === 0 ? 'nothing' : lines.join('\n')).toBe(this.#section(section))
    })
  }

  async #approve(key: string): Promise<void> {
    await this.#hermes(async (hermes) => {
      const blocked = (await hermes.api.plan()).resources.find((each) => each.key === key)?.blocked
      if (blocked === undefined) throw new Error(`${key} is not blocked`)
      await hermes.api.approve(blocked.approval)
    })
  }

  async #compareState(key: string, expected: string): Promise<void> {
    await this.#look(async (hermes) => {
      const { resources } = await hermes.api.status()
      const found = resources.find(({ kind, name }) => `${kind}/${name}` === key)
      expect(found === undefined ? 'absent' : `${found.state} ${found.reason}`).toContain(expected)
    })
  }

  async #compareProblem(expected: string): Promise<void> {
    await this.#look(async (hermes) => {
      const { problems } = await hermes.api.status()
      expect(problems.map(({ at, code }) => `${at.file}:${at.line}:${at.column} ${code}`)).toContain(expected)
    })
  }

  async #compareRows(table: string, section: string): Promise<void> {
    const [header = '', ...lines] = this.#section(section).split('\n')
    const columns = header.split('|').map((column) => column.trim())
    const rows = await this.#home.witness(`SELECT ${columns.map((column) => `"${column}"`).join(', ')} FROM "${table}"`)
    const text = rows.map((row) => columns.map((column) => show(row[column])).join(' | ')).toSorted()
    expect(text).toEqual(
      lines
        .map((line) =>
          line
            .split('|')
            .map((cell) => cell.trim())
            .join(' | '),
        )
        .toSorted(),
    )
  }

  async #compareColumns(table: string, section: string): Promise<void> {
    const columns = await catalogue(this.#home, table)
    expect(columns.toSorted().join('\n')).toBe(this.#section(section).split('\n').toSorted().join('\n'))
  }

  async #compareTables(expected: string): Promise<void> {
    expect((await this.#tables()).join(' ')).toBe(expected)
  }

  async #tables(): Promise<string[]> {
    const sql =
      this.#home.dialect === 'sqlite'
        ? `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'hermes%' AND name NOT LIKE 'sqlite%'`
        : `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'hermes%'`
    return (await this.#home.witness(sql)).map(({ name }) => String(name)).toSorted()
  }
}

function exitCodeOf(plan: Plan): number {
  if (plan.problems.length > 0) return 1
  const destroys = plan.resources.some(
    ({ blocked, steps }) => blocked !== undefined || steps.some((step) => step.destroys !== undefined),
  )
  if (destroys) return 3
  return plan.resources.length > 0 ? 2 : 0
}

/** A plan without its SQL, which differs between the databases: one line a step. */
function describePlan(plan: Plan): string {
  const lines = plan.resources.flatMap(({ key, steps, blocked, waitsFor, opensAt }) => [
    ...steps.map(({ op, summary, reason, destroys }) => {
      const rows = destroys?.rows === undefined ? '' : ` [${destroys.rows} rows]`
      return `${op} ${key}: ${summary}${rows} because ${reason}`
    }),
    ...(blocked === undefined ? [] : [`! ${key}: ${blocked.code}`]),
    ...(waitsFor === undefined ? [] : [`. ${key}: waits for ${waitsFor}`]),
    ...(opensAt === undefined ? [] : [`. ${key}: waits for its window`]),
  ])
  return lines.length === 0 ? 'nothing' : lines.join('\n')
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (typeof value === 'string') return value
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
}

const sqliteTypes: Readonly<Record<string, string>> = {
  TEXT: 'text',
  INTEGER: 'integer',
  BIGINT: 'bigint',
  DOUBLE: 'double',
  DECIMAL_TEXT: 'numeric',
  BOOLEAN: 'boolean',
  DATE_TEXT: 'date',
  TIMESTAMPTZ_TEXT: 'timestamptz',
  JSON_TEXT: 'json',
  BLOB: 'bytes',
  UUID_TEXT: 'uuid',
}

const postgresTypes: Readonly<Record<string, string>> = {
  'double precision': 'double',
  'timestamp with time zone': 'timestamptz',
  jsonb: 'json',
  bytea: 'bytes',
}

/** `name type` of a table's columns, `key` behind those of its primary key, by the database's own catalogue. */
async function catalogue(home: Home, table: string): Promise<string[]> {
  if (home.dialect === 'sqlite') {
    const rows = await home.witness(`SELECT name, type, pk FROM pragma_table_info('${table}')`)
    return rows.map(({ name, type, pk }) => columnText(name, sqliteType(String(type)), Number(pk) > 0))
  }
  const rows = await home.witness(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
       EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)) AS pk
     FROM pg_attribute WHERE attrelid = '"${table}"'::regclass AND attnum > 0 AND NOT attisdropped`,
  )
  return rows.map(({ name, type, pk }) => columnText(name, postgresTypes[String(type)] ?? String(type), pk === true))
}

function columnText(name: unknown, type: string, isKey: boolean): string {
  return `${String(name)} ${type}${isKey ? ' key' : ''}`
}

function sqliteType(declared: string): string {
  const match = /^([A-Z_]+)(\(.*\))?$/.exec(declared)
  return `${sqliteTypes[match?.[1] ?? ''] ?? declared}${match?.[2]?.replace(', ', ',') ?? ''}`
}

export async function scenarioFiles(): Promise<string[]> {
  return (await readdir(join(import.meta.dirname, 'scenarios'))).filter((name) => name.endsWith('.txtar')).toSorted()
}
