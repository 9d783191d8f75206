import { setTimeout as delay } from 'node:timers/promises'
import type { Home } from '../store/homes.ts'
import type { WorldSource } from './world-source.ts'

/** Looks again and again that sources, once they are whole, keep every row. */
export class RowWatch implements AsyncDisposable {
  readonly #home: Home
  readonly #sources: readonly WorldSource[]
  readonly #closing = new AbortController()
  readonly #watching: Promise<void>
  #looks = 0
  #lost: string | undefined

  /** From now on, when all rows are there. */
  constructor(home: Home, sources: readonly WorldSource[]) {
    this.#home = home
    this.#sources = sources
    this.#watching = this.#watch()
  }

  /** Ends, and throws what was missing. */
  async stop(): Promise<void> {
    await this[Symbol.asyncDispose]()
    if (this.#lost !== undefined) throw new Error(this.#lost)
    if (this.#looks === 0) throw new Error('nobody looked at the rows')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#lost === undefined) {
      for (const source of this.#sources) this.#lost ??= await this.#missing(source)
      this.#looks += 1
      await delay(50, undefined, { signal: this.#closing.signal }).catch(() => undefined)
    }
  }

  async #missing({ name, table, size }: WorldSource): Promise<string | undefined> {
    try {
      const [row] = await this.#home.witness(`SELECT count(*) AS n FROM ${table} WHERE source_name = '${name}'`)
      const rows = Number(row?.['n'])
      return rows === size ? undefined : `${name} had ${rows} rows of ${size} for a moment`
    } catch (error) {
      return `${name}: ${String(error)}`
    }
  }
}
