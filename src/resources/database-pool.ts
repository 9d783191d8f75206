import { HermesError } from '../errors.ts'
import { canonicalHash } from '../manifest/hash.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { GuestTables } from '../store/open.ts'
import type { ConnectionSpec } from './connection.ts'

export interface DatabasePoolOptions {
  /** The address of a Connection's database with its secrets. Throws `secret_missing`, `wrong_connection`. */
  readonly resolve: (manifest: Manifest<ConnectionSpec>) => string
  readonly open: (url: string) => Promise<GuestTables>
  readonly lookup: (name: string) => Manifest<ConnectionSpec> | undefined
}

interface Open {
  /** Of the address with the secrets' values. */
  readonly hash: string
  readonly database: Promise<GuestTables>
}

/** One database per Connection, open from when it is first asked for, shared by all sinks on it. */
export class DatabasePool implements AsyncDisposable {
  readonly #open = new Map<string, Open>()
  readonly #ending = new Set<Promise<void>>()
  readonly #options: DatabasePoolOptions
  readonly #live = new WeakSet<GuestTables>()
  #isClosed = false

  constructor(options: DatabasePoolOptions) {
    this.#options = options
  }

  /**
   * The database of a Connection by name, another one where its address or a secret in it changed. Throws
   * `missing_reference`, `wrong_connection`, `secret_missing`, and why a file cannot be opened.
   */
  async database(name: string): Promise<GuestTables> {
    if (this.#isClosed) throw new HermesError('database_unavailable', 'the databases of Connections are closed')
    const manifest = this.#options.lookup(name)
    if (manifest === undefined) throw new HermesError('missing_reference', `Connection/${name} does not exist`)
    const url = this.#options.resolve(manifest)
    const hash = canonicalHash(url)
    const known = this.#open.get(name)
    if (known?.hash === hash) return await known.database
    if (known !== undefined) void this.close(name)
    const open = { hash, database: this.#options.open(url) }
    this.#open.set(name, open)
    open.database.then(
      (database) => {
        if (this.#open.get(name) === open) this.#live.add(database)
      },
      () => {
        if (this.#open.get(name) === open) this.#open.delete(name)
      },
    )
    return await open.database
  }

  /** Whether a database was not closed since it was given. */
  isOpen(database: GuestTables): boolean {
    return this.#live.has(database)
  }

  /** Closes what is open for a Connection, in bounded time: writes that are under way fail, and find the next one. */
  async close(name: string): Promise<void> {
    const open = this.#open.get(name)
    if (open === undefined) return
    this.#open.delete(name)
    const ending = open.database.then(
      (database) => {
        this.#live.delete(database)
        return database[Symbol.asyncDispose]()
      },
      () => undefined,
    )
    this.#ending.add(ending)
    await ending.finally(() => this.#ending.delete(ending))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await Promise.all([...[...this.#open.keys()].map((name) => this.close(name)), ...this.#ending])
  }
}
