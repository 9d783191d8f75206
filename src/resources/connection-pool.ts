import type { HttpConnection } from '../connectors/http-client.ts'
import type { HttpConnectionConfig } from '../connectors/http-connection-config.ts'
import { HermesError } from '../errors.ts'
import { canonicalHash } from '../manifest/hash.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { HttpClient } from '../stream/connector.ts'
import type { ConnectionSpec } from './connection.ts'

export interface ConnectionPoolOptions {
  /** A Connection's settings with its secrets in them; `undefined` for sources that name none. Throws `secret_missing`. */
  readonly resolve: (manifest: Manifest<ConnectionSpec> | undefined) => HttpConnectionConfig
  readonly open: (config: HttpConnectionConfig) => HttpConnection
  readonly lookup: (name: string) => Manifest<ConnectionSpec> | undefined
}

interface Open {
  /** Of the settings with the secrets' values: one that was rotated makes a new client. */
  readonly hash: string
  readonly client: HttpConnection
}

/** One client per Connection, shared by all its sources: its limits hold for them together. */
export class ConnectionPool implements AsyncDisposable {
  readonly #open = new Map<string, Open>()
  readonly #options: ConnectionPoolOptions

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  /** The client of a Connection by name, anew where its settings changed. Throws `missing_reference`, `secret_missing`. */
  async client(name: string | undefined): Promise<HttpClient> {
    const manifest = name === undefined ? undefined : this.#options.lookup(name)
    if (name !== undefined && manifest === undefined) {
      throw new HermesError('missing_reference', `Connection/${name} does not exist`)
    }
    const config = this.#options.resolve(manifest)
    const key = name ?? ''
    const hash = canonicalHash(config)
    const known = this.#open.get(key)
    if (known?.hash === hash) return known.client
    const client = this.#options.open(config)
    this.#open.set(key, { hash, client })
    await known?.client.close()
    return client
  }

  async close(name: string): Promise<void> {
    const open = this.#open.get(name)
    this.#open.delete(name)
    await open?.client.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.close(name)))
  }
}
