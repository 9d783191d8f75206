import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../random.ts'
import { connectionManifest, randomSource, sourceManifest, type WorldSource } from './world-source.ts'

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
    await writeFile(join(this.#directory, 'connection.json'), JSON.stringify(connectionManifest(this.#apiUrl)))
    for (let index = 0; index < 6; index += 1) await this.add()
  }

  async add(): Promise<void> {
    this.#serial += 1
    await this.#put(randomSource(this.#serial, this.#random))
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
    const file = this.#file(source.name)
    await writeFile(`${file}.tmp~`, JSON.stringify(sourceManifest(source), null, 2))
    await rename(`${file}.tmp~`, file)
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`)
  }
}
