import { Worker } from 'node:worker_threads'
import { type ErrorCode, errorTable, HermesError } from '../../errors.ts'
import type { ThreadAnswer, ThreadFailure, ThreadQuestion, ThreadRequest, ThreadSettings } from './protocol.ts'

// `tsc` rewrites the extensions of imports but not of URLs.
const entry = new URL(`./thread${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

interface Waiting {
  resolve(value: unknown): void
  reject(error: HermesError): void
}

/** The thread in one hand. */
export interface Hold {
  ask<T>(request: ThreadRequest): Promise<T>
  release(): void
}

const threadEnded: ThreadFailure = { message: 'the database thread ended', errcode: 10 }

/** Rows are short-lived: with V8's own bound of a thread's new space, two threads would hold 100 MB for nothing. */
const YOUNG_MB = 16

/**
 * One of the database's two threads, seen from the main thread. What it does is done in the order asked for. Should it
 * die, what was under way fails with `database_unavailable` and the next question starts a new one.
 */
export class SqliteThread implements AsyncDisposable {
  readonly #settings: ThreadSettings
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #count = 0
  #closed = false
  /** Settled when nobody holds the thread for itself. */
  #free: Promise<void> = Promise.resolve()

  constructor(settings: ThreadSettings) {
    this.#settings = settings
  }

  /** Starts the thread before it is first asked. */
  start(): void {
    this.#running()
  }

  /** Asks when nobody holds the thread. A signal that aborts before the question was posted withdraws it. */
  async ask<T>(request: ThreadRequest, signal?: AbortSignal): Promise<T> {
    let free: Promise<void>
    do {
      free = this.#free
      await free
    } while (free !== this.#free)
    signal?.throwIfAborted()
    return await this.#post<T>(this.#running(), request)
  }

  /** Takes the thread for several questions in a row, as a transaction needs it. */
  async hold(): Promise<Hold> {
    const before = this.#free
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#free = before.then(() => promise)
    await before
    const worker = this.#running()
    // After a death the transaction is gone: its remaining statements must not run outside of it.
    return { ask: (request) => this.#post(worker, request), release: resolve }
  }

  #post<T>(worker: Worker, request: ThreadRequest): Promise<T> {
    if (this.#closed) return Promise.reject(new HermesError('database_unavailable', 'the database is closed'))
    if (this.#worker !== worker) return Promise.reject(this.#error(threadEnded))
    const id = ++this.#count
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject })
      worker.postMessage({ id, request } satisfies ThreadQuestion, [])
    })
  }

  #running(): Worker {
    if (this.#worker !== undefined) return this.#worker
    const worker = new Worker(entry, {
      workerData: this.#settings,
      name: `sqlite ${this.#settings.role}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    worker.on('message', (answer: ThreadAnswer) => this.#settle(answer))
    worker.on('error', (error: Error & { errcode?: number }) => {
      const errcode = error.errcode
      this.#died(worker, { message: error.message, ...(errcode === undefined ? {} : { errcode }) })
    })
    worker.on('exit', () => this.#died(worker, threadEnded))
    this.#worker = worker
    return worker
  }

  #settle(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('failure' in answer) waiting?.reject(this.#error(answer.failure))
    else waiting?.resolve(answer.value)
  }

  #died(worker: Worker, failure: ThreadFailure): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const waiting of this.#waiting.values()) waiting.reject(this.#error(failure))
    this.#waiting.clear()
  }

  #error(failure: ThreadFailure): HermesError {
    if (failure.hermes !== undefined) return new HermesError(errorCode(failure.hermes), failure.message)
    const code = unavailable.has((failure.errcode ?? 0) & 255) ? 'database_unavailable' : 'database_error'
    return new HermesError(code, `${this.#settings.path}: ${failure.message}`, { cause: failure })
  }

  /** Lets the thread finish what it was asked for, then ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    const last = this.#worker === undefined ? undefined : this.ask({ op: 'close' }).catch(() => undefined)
    await last
    this.#closed = true
    await this.#worker?.terminate()
  }
}

// BUSY, LOCKED, IOERR, FULL, CANTOPEN, PROTOCOL: they pass, or somebody outside has to act.
const unavailable: ReadonlySet<number> = new Set([5, 6, 10, 13, 14, 15])

function errorCode(code: string): ErrorCode {
  return code in errorTable ? (code as ErrorCode) : 'internal'
}
