import { realpathSync, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import type { Clock } from '../clock.ts'
import { isIgnored } from './walk.ts'

/** What somebody who watches a directory is told. */
export interface WatchEvents {
  /** Something may have changed: this file (relative to the root), or anything at all. */
  wake(file?: string): void
  /** Something happens just now, at this file or anywhere: it may be written in pieces, and a wake-up may follow. */
  stir(file?: string): void
  /** Watching does not work (too many watches, no permission): only regular lists see changes. */
  failed(error: unknown): void
}

/** How often to look whether the root is still the same directory. */
const rootPollMs = 1_000

/**
 * Watches a directory. Its events are wake-ups, not news: some are missed, others come twice. A root that appears,
 * vanishes or is a link that is pointed elsewhere is noticed within a second.
 */
export class DirectoryWatch implements AsyncDisposable {
  readonly #root: string
  readonly #clock: Clock
  readonly #events: WatchEvents
  readonly #closing = new AbortController()
  readonly #guard: Promise<void>
  #watcher: FSWatcher

  constructor(root: string, clock: Clock, events: WatchEvents) {
    this.#root = root
    this.#clock = clock
    this.#events = events
    this.#watcher = this.#open()
    this.#guard = this.#guardRoot()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#guard
    await this.#watcher.close()
  }

  #open(): FSWatcher {
    const options = { ignoreInitial: true, ignored: (path: string, stats?: Stats) => this.#isIgnored(path, stats) }
    const watcher = watch(this.#root, options)
    watcher.on('ready', () => this.#events.wake())
    watcher.on('error', (error) => this.#events.failed(error))
    watcher.on('raw', (_event, file, about) => this.#stirred(file, about as { readonly watchedPath?: string }))
    watcher.on('all', (event, path) => {
      const isFile = event === 'add' || event === 'change' || event === 'unlink'
      this.#events.wake(isFile ? this.#nameOf(path) : undefined)
    })
    return watcher
  }

  /** The system's own events come at once and one by one; chokidar tells of several within 50 ms once. */
  #stirred(file: string | null, { watchedPath }: { readonly watchedPath?: string }): void {
    if (file === null || watchedPath === undefined) return this.#events.stir()
    const path = join(watchedPath, file)
    if (!this.#isIgnored(path, undefined)) this.#events.stir(this.#nameOf(path))
  }

  /** A mounted ConfigMap changes by pointing `..data` at another hidden directory; its files are links through it. */
  #isIgnored(path: string, stats: Stats | undefined): boolean {
    const name = this.#nameOf(path)
    if (name === '' || name === '..data') return false
    return isIgnored(name.slice(name.lastIndexOf('/') + 1)) || (stats?.isFile() === false && this.#leadsBack(path))
  }

  /** A link to a directory that the root lies in would have us watch half the machine. */
  #leadsBack(path: string): boolean {
    try {
      return `${realpathSync(this.#root)}${sep}`.startsWith(join(realpathSync(path), sep))
    } catch {
      return false
    }
  }

  #nameOf(path: string): string {
    const name = relative(this.#root, path)
    return sep === '/' ? name : name.replaceAll(sep, '/')
  }

  async #guardRoot(): Promise<void> {
    const { signal } = this.#closing
    let known = await this.#rootId()
    while (!signal.aborted) {
      await this.#clock.sleep(rootPollMs, signal).catch(() => undefined)
      const id = await this.#rootId()
      if (id === known || signal.aborted) continue
      known = id
      await this.#watcher.close()
      this.#watcher = this.#open()
      this.#events.wake()
    }
  }

  async #rootId(): Promise<string> {
    const found = await stat(this.#root, { bigint: true }).catch(() => undefined)
    return found === undefined ? '' : `${found.dev}:${found.ino}`
  }
}
