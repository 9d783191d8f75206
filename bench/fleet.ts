import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Ten thousand sources, twenty to a table, one file each, a hundred to a folder. */
export interface Fleet {
  readonly sources: number
  readonly tables: number
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0')
export const sourceName = (index: number): string => `source-${pad(index, 5)}`
export const tableName = (fleet: Fleet, index: number): string => `table_${pad(index % fleet.tables, 3)}`
export const sourceFile = (index: number): string =>
  `folder-${pad(Math.floor(index / 100), 3)}/${sourceName(index)}.yaml`

/** The manifest of one source; `extra` is a further column. */
export function sourceManifest(fleet: Fleet, index: number, extra?: string): string {
  return `apiVersion: hermes/v1
kind: SourceDefinition
metadata:
  name: ${sourceName(index)}
  labels: { provider: bench }
spec:
  connection: bench
  schedule: { every: 1d }
  params: { symbol: SYM${pad(index, 5)} }
  http:
    path: /records/\${params.symbol}
    records: records
    pagination: { page: { parameter: page, start: 1 } }
  table:
    name: ${tableName(fleet, index)}
    primaryKey: [id]
    columns: { id: bigint, price: double, volume: bigint, at: timestamptz${extra === undefined ? '' : `, ${extra}: text`} }
    write: merge
`
}

/** Nobody listens there: a source that is fetched would fail. */
export const connectionManifest = `apiVersion: hermes/v1
kind: Connection
metadata: { name: bench }
spec:
  http: { url: "http://127.0.0.1:9" }
`

function write(folder: string, path: string, text: string): void {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Writes the manifests of a fleet and its Connection. */
export function writeFleet(folder: string, fleet: Fleet): void {
  write(folder, 'connection.yaml', connectionManifest)
  for (let index = 0; index < fleet.sources; index += 1) {
    write(folder, sourceFile(index), sourceManifest(fleet, index))
  }
}
