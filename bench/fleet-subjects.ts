import type { FetchSubject } from '../src/resources/fetch.ts'
import type { SourceSpec } from '../src/resources/source-spec.ts'
import { type Fleet, sourceName, tableName } from './fleet.ts'

/** The sources of a fleet as the runner takes them up, without reading their files. */
export function fleetSubjects(fleet: Fleet): FetchSubject[] {
  const at = { file: 'fleet.yaml', line: 1, column: 1 }
  return Array.from({ length: fleet.sources }, (_unused, index) => {
    const spec: SourceSpec = {
      connection: 'bench',
      schedule: { every: '1d' },
      http: { path: '/records' },
      table: { name: tableName(fleet, index), primaryKey: ['id'], write: 'merge', evolve: 'additive' },
      deletionPolicy: 'delete',
      suspend: false,
    }
    const name = sourceName(index)
    const manifest = {
      key: `SourceDefinition/${name}`,
      kind: 'SourceDefinition',
      name,
      labels: {},
      annotations: {},
      spec,
      at,
      locate: () => at,
      hash: name,
    }
    return { manifest, registeredAt: 0 }
  })
}
