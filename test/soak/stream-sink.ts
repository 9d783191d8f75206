import { Redis } from 'ioredis'
import { type OwnServer, ownRedis } from '../connectors/servers.ts'
import { KEYS } from './message-feeds.ts'

/**
 * A stream of a Redis server of its own, written to a few messages at a time and several times at once, whose connections
 * are cut. Each message has to be in it once, and those of a key in their order.
 */
export class StreamSink implements AsyncDisposable {
  readonly #server: OwnServer
  readonly #client: Redis
  #after = '-'
  readonly #last = new Map<number, number>()

  private constructor(server: OwnServer) {
    this.#server = server
    this.#client = new Redis(server.port)
  }

  static async open(): Promise<StreamSink> {
    return new StreamSink(await ownRedis())
  }

  /** The sink as the manifest has it. */
  get clause(): object {
    const redis = { url: `redis://127.0.0.1:${this.#server.port}`, stream: { key: 'out' }, idempotent: {} }
    return { name: 'stream', redis, batch: { messages: 2 }, maxInFlight: KEYS }
  }

  async size(): Promise<number> {
    return await this.#client.xlen('out')
  }

  async cut(): Promise<void> {
    await this.#client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  }

  /** Throws unless what came since the last look goes on in the order of each key. */
  async refuseDisorder(): Promise<void> {
    for (const [entry, fields] of await this.#client.xrange('out', this.#after, '+')) {
      const { id } = JSON.parse(fields[1] ?? '') as { readonly id: number }
      const before = this.#last.get(id % KEYS)
      if (before !== undefined && id !== before + KEYS)
        throw new Error(`stream: ${id} came behind ${before} of the same key`)
      this.#last.set(id % KEYS, id)
      this.#after = `(${entry}`
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.disconnect()
    await this.#server[Symbol.asyncDispose]()
  }
}
