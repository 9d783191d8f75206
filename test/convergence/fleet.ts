import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dataFile, fields, versions } from './records.ts'

export type Write = 'merge' | 'append' | 'replace'

/** What a source of the fleet is to be; anything goes, `sound` makes it valid. */
export interface Draft {
  readonly slot: number
  readonly version: number
  readonly connector: 'file' | 'http'
  readonly incremental: string | null
  /** Undefined: named after the source. */
  readonly table: string | null
  readonly key: readonly string[]
  /** Place of a type among those of the field. */
  readonly declared: Readonly<Record<string, number>>
  readonly write: Write | null
  readonly evolve: 'additive' | 'freeze'
  readonly deletionPolicy: 'delete' | 'orphan'
  readonly suspend: boolean
}

export interface FleetSource extends Draft {
  readonly name: string
  readonly movedFrom?: string
}

const cursorTypes = new Set(['date', 'timestamptz', 'integer', 'bigint', 'double', 'text'])

/** The nearest draft that a manifest may say. */
export function sound(source: FleetSource): FleetSource {
  const present = new Set(versions[source.version])
  const key = source.key.filter((name) => present.has(name))
  const keyed = key.length === 0 && source.write === 'merge' ? ['id'] : key
  const declared = source.version === 2 ? { ...source.declared, raw: 0 } : source.declared
  const evolve = Object.keys(declared).length === 0 ? 'additive' : source.evolve
  const made = { ...source, key: keyed, declared, evolve }
  const { incremental } = source
  const replaces = source.write === 'replace'
  if (incremental === null || replaces || !present.has(incremental)) return { ...made, incremental: null }
  const type = columnsOf(made)[incremental]
  return type === undefined || cursorTypes.has(type) ? made : { ...made, incremental: null }
}

export function columnsOf({ declared }: Pick<Draft, 'declared'>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, place]) => {
      const types = fields[name]?.types ?? ['text']
      return [name, types[place % types.length] ?? 'text']
    }),
  )
}

export function tableOf({ name, table }: Pick<FleetSource, 'name' | 'table'>): string {
  return table ?? name
}

/** How a source writes when nobody says. */
export function writeOf({ write, key, incremental, connector }: FleetSource): Write {
  if (write !== null) return write
  if (key.length > 0) return 'merge'
  return incremental !== null && connector === 'http' ? 'append' : 'replace'
}

/** Sources that can share their tables: who disagrees with the first of a table moves to one of its own. */
export function agreed(sources: readonly FleetSource[]): FleetSource[] {
  const first = new Map<string, { key: string; types: Map<string, number> }>()
  return sources.map((source) => {
    const taken = first.get(tableOf(source))
    const settled =
      taken === undefined || taken.key === source.key.join() ? source : { ...source, table: `own_${source.name}` }
    const place = first.get(tableOf(settled)) ?? { key: settled.key.join(), types: new Map<string, number>() }
    first.set(tableOf(settled), place)
    const declared = Object.fromEntries(
      Object.entries(settled.declared).map(([name, type]) => {
        if (!place.types.has(name)) place.types.set(name, type)
        return [name, place.types.get(name) ?? type]
      }),
    )
    return sound({ ...settled, declared })
  })
}

export const slots = ['1.yaml', '2.yaml', 'sub/3.yml']

/** Writes the manifests of a fleet into a directory, `broken` files as ones that nobody can read. */
export async function writeFleet(
  directory: string,
  apiUrl: string,
  sources: readonly FleetSource[],
  broken: ReadonlySet<number>,
): Promise<void> {
  await mkdir(join(directory, 'sub'), { recursive: true })
  await put(join(directory, 'connection.yaml'), document('Connection', { name: 'api' }, { http: { url: apiUrl } }))
  for (const [slot, file] of slots.entries()) {
    const here = sources.filter((source) => source.slot === slot).map(manifest)
    if (broken.has(slot)) await put(join(directory, file), '{"apiVersion": "hermes/v1", "kind": [')
    else if (here.length === 0) await rm(join(directory, file), { force: true })
    else await put(join(directory, file), here.join('\n---\n'))
  }
}

async function put(path: string, text: string): Promise<void> {
  await writeFile(path, text)
}

function manifest(source: FleetSource): string {
  const { name, movedFrom, key, evolve, write, table, deletionPolicy, suspend } = source
  const annotations = movedFrom === undefined ? {} : { annotations: { 'hermes/moved-from': movedFrom } }
  return document(
    'SourceDefinition',
    { name, ...annotations },
    {
      schedule: { every: '1h' },
      ...connectorClause(source),
      table: {
        ...(table === null ? {} : { name: table }),
        ...(key.length === 0 ? {} : { primaryKey: key }),
        columns: columnsOf(source),
        ...(write === null ? {} : { write }),
        evolve,
      },
      deletionPolicy,
      suspend,
    },
  )
}

function connectorClause({ connector, version, incremental }: FleetSource): object {
  if (connector === 'file') return { file: { path: `../data/${dataFile(version)}` } }
  const cursor = incremental === null ? {} : { incremental: { column: incremental, parameter: 'since' } }
  return { connection: 'api', http: { path: `/v${version}`, ...cursor } }
}

function document(kind: string, metadata: object, spec: object): string {
  return JSON.stringify({ apiVersion: 'hermes/v1', kind, metadata, spec })
}
