import { keyOf, type Manifest, type Problem } from '../../src/manifest/manifest.ts'
import type { Snapshot } from '../../src/origin/origin.ts'

export interface SourceSpec {
  readonly table: string
  readonly columns: readonly string[]
  readonly connection?: string
}

export interface ConnectionSpec {
  readonly secret: string
}

/** A Table as the sources that name it want it. */
export interface TableSpec {
  readonly columns: readonly string[]
  readonly sources: readonly string[]
}

interface Place {
  readonly file?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export function source(name: string, spec: Partial<SourceSpec> = {}, place: Place = {}): Manifest {
  return manifest('SourceDefinition', name, { table: 't', columns: ['id'], ...spec }, place)
}

export function connection(name: string, secret = 'none', place: Place = {}): Manifest {
  return manifest('Connection', name, { secret }, place)
}

export function manifest(kind: string, name: string, spec: unknown, place: Place = {}): Manifest {
  const at = { file: place.file ?? `${name}.yaml`, line: 1, column: 1 }
  const hash = JSON.stringify([kind, name, spec])
  const { annotations = {} } = place
  return { key: `${kind}/${name}`, kind, name, labels: {}, annotations, spec, at, locate: () => at, hash }
}

/** One Table for each name that sources use. Pure, and the same for any order of the manifests. */
export function withTables(manifests: readonly Manifest[]): readonly Manifest[] {
  const tables = new Map<string, { columns: Set<string>; sources: Set<string>; file: string }>()
  for (const each of manifests.toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))) {
    if (each.kind !== 'SourceDefinition') continue
    const spec = each.spec as SourceSpec
    const table = tables.get(spec.table) ?? { columns: new Set(), sources: new Set(), file: each.at.file }
    for (const column of spec.columns) table.columns.add(column)
    table.sources.add(each.name)
    tables.set(spec.table, table)
  }
  const derived = [...tables].map(([name, { columns, sources, file }]) =>
    manifest('Table', name, { columns: [...columns].toSorted(), sources: [...sources] }, { file }),
  )
  return [...manifests, ...derived]
}

export interface SnapshotOptions {
  readonly revision?: string
  readonly broken?: readonly string[]
  readonly complete?: boolean
  readonly problems?: readonly Problem[]
}

export function snapshot(manifests: readonly Manifest[], options: SnapshotOptions = {}): Snapshot {
  return {
    revision: options.revision ?? `sha256:${Buffer.from(String(manifests.length).padStart(8, '0')).toString('hex')}`,
    manifests,
    problems: options.problems ?? [],
    brokenFiles: new Set(options.broken),
    complete: options.complete ?? true,
  }
}
