import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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

/** A set of manifests that changes step by step, and the files that say it. */
export class ManifestWorld {
  readonly sources = new Map<string, WorldSource>()
  readonly #directory: string
  readonly #apiUrl: string
  readonly #random: Random
  #serial = 0

  constructor(directory: string, apiUrl: string, random: Random) {
    this.#directory = directory
    this.#apiUrl = apiUrl
    this.#random = random
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const connection = {
      apiVersion: 'hermes/v1',
      kind: 'Connection',
      metadata: { name: 'api' },
      spec: { http: { url: this.#apiUrl } },
    }
    await writeFile(join(this.#directory, 'connection.json'), JSON.stringify(connection))
    for (let index = 0; index < 6; index += 1) await this.add()
  }

  async add(): Promise<void> {
    this.#serial += 1
    const write = this.#random.pick(['merge', 'append', 'replace'] as const)
    const shared = write === 'merge' && this.#random.next() < 0.5
    const name = `source-${this.#serial}`
    const incremental = write !== 'replace' && this.#random.next() < 0.4
    const declared = this.#random.next() < 0.5 ? { id: 'bigint', text: 'text' } : {}
    await this.#put({
      name,
      size: this.#random.between(0, 200),
      write,
      incremental,
      table: shared ? 'shared' : `t_${this.#serial}`,
      declared: shared ? {} : declared,
    })
  }

  async remove(): Promise<void> {
    const source = this.#random.pick([...this.sources.values()])
    this.sources.delete(source.name)
    await rm(this.#file(source.name))
  }

  /** Moves a source's rows to another table, declares a column more, or widens one. */
  async change(): Promise<void> {
    const source = this.#random.pick([...this.sources.values()])
    const kind = this.#random.pick(['move', 'declare', 'widen'] as const)
    if (kind === 'move' && source.table !== 'shared') return this.#put({ ...source, table: `${source.table}_m` })
    if (source.table === 'shared') return this.add()
    const amount = kind === 'widen' ? 'text' : 'numeric'
    if (source.declared['amount'] === 'text') return this.add()
    return this.#put({ ...source, declared: { ...source.declared, amount } })
  }

  async #put(source: WorldSource): Promise<void> {
    this.sources.set(source.name, source)
    const spec = {
      connection: 'api',
      schedule: { every: '1h' },
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
    const manifest = { apiVersion: 'hermes/v1', kind: 'SourceDefinition', metadata: { name: source.name }, spec }
    const file = this.#file(source.name)
    await writeFile(`${file}.tmp~`, JSON.stringify(manifest, null, 2))
    await rename(`${file}.tmp~`, file)
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`)
  }
}
