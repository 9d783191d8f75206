import type { Clock } from '../../clock.ts'
import { HermesError, toHermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch, Position } from '../../stream/batch.ts'
import { bytesBatch } from '../../stream/batches.ts'
import type { Connector, Context, Log } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { type Checked, type CheckRules, Checks, checkRules } from './websocket-checks.ts'
import { type WebsocketConfig, websocketSchema } from './websocket-config.ts'
import { type Link, openLink, type Watch } from './websocket-link.ts'
import { messageText, type Target, targetOf } from './websocket-target.ts'
import { type Waits, waitBefore } from './websocket-wait.ts'

export const websocketSource: Connector<Source, WebsocketConfig> & { readonly volatile: true } = {
  type: 'websocket',
  summary: 'Messages that a WebSocket server sends.',
  config: websocketSchema,
  volatile: true,
  open: async (config, context) => new WebsocketSource(config, context),
}

/** What a source counts since it was opened. */
export type WebsocketCounts = Readonly<Record<'connections' | 'gaps' | 'behindGap' | 'repeated' | 'stale', number>>

/** What is left out is told of once in so long. */
const TELL_MS = 10_000

/**
 * Connects as often as it must. It never ends by itself, and throws only what trying again does not mend: a server that
 * refuses the very first connection, `connector_refused`. One that refuses later, after it took us once, is asked again
 * after the longest wait.
 */
export class WebsocketSource implements Source {
  readonly #target: Target
  readonly #watch: Watch
  readonly #waits: Waits
  readonly #rules: CheckRules
  readonly #clock: Clock
  readonly #log: Log
  readonly #closed = new AbortController()
  readonly #counts = { connections: 0, gaps: 0, behindGap: 0, repeated: 0, stale: 0 }
  #toldAt = Number.NEGATIVE_INFINITY
  #trouble: HermesError | undefined

  constructor(config: WebsocketConfig, { clock, log }: Context) {
    const { reconnect, ping, sequence, stale } = config
    this.#target = targetOf(config)
    const pingText = ping.message === undefined ? {} : { pingText: messageText(ping.message) }
    this.#watch = { pingMs: durationMs(ping.every), idleMs: durationMs(config.idleTimeout), ...pingText }
    this.#waits = { firstMs: durationMs(reconnect.first), mostMs: durationMs(reconnect.most) }
    const limits = stale === undefined ? undefined : { field: stale.field, olderThanMs: durationMs(stale.olderThan) }
    this.#rules = checkRules(sequence, limits)
    this.#clock = clock
    this.#log = log.child({ server: this.#target.name })
  }

  /** What happened so far. */
  counts(): WebsocketCounts {
    return { ...this.#counts }
  }

  /** Why there is no connection just now, while it is read; undefined when there is one. */
  trouble(): HermesError | undefined {
    return this.#trouble
  }

  /** A batch is what came while the one before was taken: at low rates a single message, handed on at once. */
  async *read(_from: Position, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    for (let failed = 0; !until.aborted; failed += 1) {
      const link = await this.#connect(until)
      const begun = this.#clock.now()
      if (link !== undefined) yield* this.#readLink(link, until, signal)
      if (until.aborted) break
      if (link !== undefined && this.#clock.now() - begun >= this.#waits.mostMs) failed = 0
      await this.#pause(failed, until)
    }
    this.#trouble = undefined
    signal.throwIfAborted()
  }

  /** Makes a connection and closes it: nothing is subscribed to. */
  async ping(signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, this.#closed.signal])
    const link = await openLink(this.#target, { pingMs: 0, idleMs: 0 }, this.#clock, until)
    await link.close(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new HermesError('connector_unavailable', 'the source was closed'))
  }

  /** Undefined when it is to stop, or there is no connection now: then it is known why. */
  async #connect(until: AbortSignal): Promise<Link | undefined> {
    try {
      const link = await openLink(this.#target, this.#watch, this.#clock, until)
      for (const text of this.#target.subscribe) link.send(text)
      this.#trouble = undefined
      this.#counts.connections += 1
      this.#log.info({ connection: this.#counts.connections }, 'websocket connected')
      return link
    } catch (error) {
      if (until.aborted) return undefined
      this.#trouble = toHermesError(error)
      if (this.#trouble.code === 'connector_refused' && this.#counts.connections === 0) throw this.#trouble
      return undefined
    }
  }

  async *#readLink(link: Link, until: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const checks = new Checks(this.#rules)
    // A signal made of others asks all of them each time.
    let isOver = until.aborted
    const end = (): void => {
      isOver = true
      link.wake()
    }
    until.addEventListener('abort', end)
    try {
      for (;;) {
        if (isOver) break
        const payloads = link.take()
        if (payloads.length > 0) {
          const checked = checks.check(bytesBatch(payloads), this.#clock.now())
          this.#tell(checked)
          if (checks.broken) this.#cutAt(link, checked)
          if (checked.batch.size > 0) yield checked.batch
          if (checks.broken) break
        } else if (link.ended !== undefined) break
        else await link.change()
      }
      this.#trouble = link.ended
    } finally {
      until.removeEventListener('abort', end)
      await link.close(!signal.aborted)
    }
  }

  async #pause(failed: number, until: AbortSignal): Promise<void> {
    const { code, message, retryAfterMs } = this.#trouble ?? {}
    const refused = code === 'connector_refused' ? this.#waits.mostMs : 0
    const retryInMs = waitBefore(failed, this.#waits, Math.max(refused, retryAfterMs ?? 0))
    this.#log.warn({ code, error: message, retryInMs }, 'websocket lost')
    await this.#clock.sleep(retryInMs, until).catch(() => undefined)
  }

  /** What waits behind the gap is left out with the connection. */
  #cutAt(link: Link, { gaps }: Checked): void {
    this.#counts.behindGap += link.take().length
    const { expected, found, of } = gaps[0] ?? {}
    const where = of === undefined ? '' : ` of ${of}`
    const message = `${this.#target.name}: the sequence${where} has a gap: ${found} came where ${expected} was due`
    link.cut(new HermesError('connector_unavailable', message))
  }

  /** Counts at once, and tells of it now and then. */
  #tell({ gaps, repeated, stale, behindGap }: Checked): void {
    const [gap] = gaps
    if (gap === undefined && repeated + stale + behindGap === 0) return
    const counts = this.#counts
    counts.gaps += gaps.length
    counts.repeated += repeated
    counts.stale += stale
    counts.behindGap += behindGap
    const now = this.#clock.now()
    if (now - this.#toldAt < TELL_MS) return
    this.#toldAt = now
    this.#log.warn({ ...counts, ...gap }, 'messages missing or left out')
  }
}
