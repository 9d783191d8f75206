import type { Random } from '../random.ts'

/** One source of the soak's world. */
export interface WorldSource {
  readonly name: string
  readonly size: number
  readonly write: 'merge' | 'append' | 'replace'
  readonly table: string
  /** Asks only for records behind the greatest `id` in the table. */
  readonly incremental: boolean
  /** Declared columns; the others are inferred. */
  readonly declared: Readonly<Record<string, string>>
}

/** What is wanted, by name. */
export type WorldSources = ReadonlyMap<string, WorldSource>

export function randomSource(serial: number, random: Random): WorldSource {
  const write = random.pick(['merge', 'append', 'replace'] as const)
  const shared = write === 'merge' && random.next() < 0.5
  const incremental = write !== 'replace' && random.next() < 0.4
  const declared = random.next() < 0.5 ? { id: 'bigint', text: 'text' } : {}
  return {
    name: `source-${serial}`,
    size: random.between(0, 200),
    write,
    incremental,
    table: shared ? 'shared' : `t_${serial}`,
    declared: shared ? {} : declared,
  }
}

/** The connection that every source names. */
export function connectionManifest(url: string): object {
  return { apiVersion: 'hermes/v1', kind: 'Connection', metadata: { name: 'api' }, spec: { http: { url } } }
}

export function sourceManifest(source: WorldSource): object {
  const spec = {
    connection: 'api',
    // Longer than any soak: what is fetched twice in it was not due.
    schedule: { every: '1d' },
    http: {
      path: `/data/${source.name}`,
      query: { size: String(source.size) },
      records: 'records',
      pagination: { page: { parameter: 'page' } },
      ...(source.incremental ? { incremental: { column: 'id', parameter: 'since' } } : {}),
    },
    table: {
      name: source.table,
      write: source.write,
      columns: source.declared,
      ...(source.write === 'merge' ? { primaryKey: ['id'] } : {}),
    },
  }
  return { apiVersion: 'hermes/v1', kind: 'SourceDefinition', metadata: { name: source.name }, spec }
}
