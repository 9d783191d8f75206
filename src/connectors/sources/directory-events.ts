import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Who waits for changes of one name in a directory. */
export interface NameListener {
  /** Something happened under the name. */
  changed(): void
  /** Nothing is told from now on: the directory went away, or its watch failed. */
  ended(): void
}

/** Those that are watched, by device and inode: another directory under the same path is another one. */
const watched = new Map<string, WatchedDirectory>()

/**
 * Tells of changes under a path until it is disposed. All who follow files of one directory share its watch: with one for
 * each every change would wake them all. Throws when the directory cannot be watched.
 */
export function onEvents(path: string, listener: NameListener): Disposable {
  const folder = dirname(path)
  const { dev, ino } = statSync(folder, { bigint: true })
  const identity = `${dev}:${ino}`
  const directory = watched.get(identity) ?? new WatchedDirectory(folder, identity)
  return directory.add(basename(path), listener)
}

class WatchedDirectory {
  readonly #identity: string
  readonly #name: string
  readonly #watcher: FSWatcher
  readonly #listeners = new Map<string, Set<NameListener>>()

  constructor(folder: string, identity: string) {
    this.#identity = identity
    this.#name = basename(folder)
    this.#watcher = watch(folder, { persistent: false }, (event, name) => this.#happened(event, name))
    this.#watcher.on('error', () => this.#end())
    watched.set(identity, this)
  }

  add(name: string, listener: NameListener): Disposable {
    const known = this.#listeners.get(name)
    if (known === undefined) this.#listeners.set(name, new Set([listener]))
    else known.add(listener)
    return { [Symbol.dispose]: () => this.#remove(name, listener) }
  }

  #remove(name: string, listener: NameListener): void {
    const known = this.#listeners.get(name)
    known?.delete(listener)
    if (known?.size === 0) this.#listeners.delete(name)
    if (this.#listeners.size === 0) this.#close()
  }

  #happened(event: string, name: string | null): void {
    const told = name === null ? [...this.#listeners.keys()] : [name]
    for (const each of told) for (const listener of this.#listeners.get(each) ?? []) listener.changed()
    // Its own name is what a directory says when it was moved or removed itself.
    if (event === 'rename' && name === this.#name) this.#end()
  }

  #end(): void {
    this.#close()
    const listeners = [...this.#listeners.values()].flatMap((each) => [...each])
    this.#listeners.clear()
    for (const listener of listeners) listener.ended()
  }

  #close(): void {
    if (watched.get(this.#identity) === this) watched.delete(this.#identity)
    this.#watcher.close()
  }
}
