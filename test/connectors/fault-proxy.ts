import { once } from 'node:events'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../random.ts'

/** Bytes a second in each direction, and how long each piece is under way. */
export interface Slow {
  readonly bytesPerSecond: number
  readonly latencyMs: number
}

/** Each piece of data ends its connection with this probability. */
export interface Errors {
  readonly share: number
  readonly random: Random
}

/**
 * - `pass`: as if it were not there.
 * - `stall`: takes connections, and as many bytes as the system does; hands nothing on, and everything when that is over.
 * - `reset`: ends the connections there are, and each new one, with a RST.
 * - `half_open`: the peer is gone without a word. New connections get no answer. What is open now never gets one again.
 * - `refuse`: nothing listens; the connections there are end with a RST.
 */
export type Fault = 'pass' | 'stall' | 'reset' | 'half_open' | 'refuse' | Slow | Errors

/** Between a client and a server, on a port of its own. */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number
  /** Connections that it ended with a RST. */
  readonly resets: number
  /** Behaves like this from now on. Resolves when it does; only an end of `refuse` takes time. */
  become(fault: Fault): Promise<void>
  /** Ends all connections there are; new ones are taken. */
  reset(): void
  /** Lets so many more bytes of answers through, then ends the connections. */
  cutAfter(bytes: number): void
}

/** Stands before a server on this machine. */
export async function faultProxy(target: number): Promise<FaultProxy> {
  const proxy = new Proxy(target)
  await proxy.listen()
  return proxy
}

/** A client's connection, and the one to the server behind it. */
interface Link {
  readonly near: Socket
  far?: Socket
  /** Its peer is gone for good. */
  isAbandoned: boolean
}

const SLICES_PER_SECOND = 20

class Proxy implements FaultProxy {
  readonly #target: number
  readonly #server: Server
  readonly #links = new Set<Link>()
  #port = 0
  #fault: Fault = 'pass'
  #resets = 0
  #left = Number.POSITIVE_INFINITY
  /** Open while bytes may pass. */
  #gate = Promise.withResolvers<void>()

  constructor(target: number) {
    this.#target = target
    this.#server = createServer((near) => this.#take(near))
    this.#gate.resolve()
  }

  get port(): number {
    return this.#port
  }

  get resets(): number {
    return this.#resets
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    this.#port = address.port
  }

  async become(fault: Fault): Promise<void> {
    const wasRefusing = this.#fault === 'refuse'
    this.#fault = fault
    if (fault === 'stall') this.#gate = Promise.withResolvers()
    else this.#gate.resolve()
    if (fault === 'half_open') for (const link of this.#links) this.#abandon(link)
    if (fault === 'reset' || fault === 'refuse') this.reset()
    if (fault === 'refuse' && !wasRefusing) this.#server.close()
    if (fault !== 'refuse' && wasRefusing) await this.listen()
  }

  reset(): void {
    for (const link of this.#links) this.#end(link)
    this.#left = Number.POSITIVE_INFINITY
  }

  cutAfter(bytes: number): void {
    this.#left = bytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gate.resolve()
    for (const { near, far } of this.#links) {
      near.destroy()
      far?.destroy()
    }
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }

  #take(near: Socket): void {
    const link: Link = { near, isAbandoned: false }
    near.on('error', () => undefined)
    near.on('close', () => {
      this.#links.delete(link)
      if (link.isAbandoned) link.far?.destroy()
    })
    this.#links.add(link)
    if (this.#fault === 'reset') this.#end(link)
    else if (this.#fault === 'half_open') this.#abandon(link)
    else void this.#join(link)
  }

  async #join(link: Link): Promise<void> {
    await this.#gate.promise
    if (link.isAbandoned || link.near.destroyed) return
    const far = dial(this.#target, '127.0.0.1')
    far.on('error', () => undefined)
    link.far = far
    await Promise.all([this.#carry(link, link.near, far), this.#carry(link, far, link.near)])
  }

  /** What is not handed on stays with the system, which tells the sender to wait. */
  async #carry(link: Link, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const data of from) {
        if (!(await this.#handOn(link, data as Buffer, to))) return
      }
      if (!link.isAbandoned) to.end()
    } catch {
      if (!link.isAbandoned) to.destroy()
    }
  }

  /** False when the connection is no more. */
  async #handOn(link: Link, data: Buffer, to: Socket): Promise<boolean> {
    await this.#gate.promise
    if (link.isAbandoned) return await new Promise(() => undefined)
    const fault = this.#fault
    if (typeof fault === 'object' && 'share' in fault && fault.random.next() < fault.share) this.#end(link)
    if (to.destroyed) return false
    if (typeof fault === 'object' && 'latencyMs' in fault) await this.#slowly(data, to, fault)
    else await sent(to, to === link.near ? this.#untilCut(data) : data)
    return true
  }

  async #slowly(data: Buffer, to: Socket, { bytesPerSecond, latencyMs }: Slow): Promise<void> {
    await delay(latencyMs)
    const slice = Math.max(1, Math.floor(bytesPerSecond / SLICES_PER_SECOND))
    for (let at = 0; at < data.length; at += slice) {
      // Once it is over the rest goes at once.
      if (typeof this.#fault === 'object') await delay(1_000 / SLICES_PER_SECOND)
      await sent(to, data.subarray(at, at + slice))
    }
  }

  #untilCut(data: Buffer): Buffer {
    const passed = data.subarray(0, this.#left)
    if (this.#left > 0 && passed.length === this.#left) setTimeout(() => this.reset(), 20)
    this.#left -= passed.length
    return passed
  }

  #end({ near, far }: Link): void {
    this.#resets += 1
    near.resetAndDestroy()
    far?.resetAndDestroy()
  }

  #abandon(link: Link): void {
    link.isAbandoned = true
    link.far?.destroy()
  }
}

async function sent(to: Socket, data: Buffer): Promise<void> {
  if (data.length === 0 || to.destroyed || to.write(data)) return
  await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined)
}
