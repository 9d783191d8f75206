import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { keyOf } from '../../src/manifest/manifest.ts'
import { manifestReader } from '../../src/manifest/read.ts'
import { type DirectoryOriginOptions, directoryOrigin } from '../../src/origin/directory.ts'
import type { Origin, Snapshot } from '../../src/origin/origin.ts'
import { kinds } from '../manifest/kinds.ts'

export const read = manifestReader(kinds)

/** A throw-away directory with an origin on it, and the snapshots it gave. */
export class WatchedDirectory implements AsyncDisposable {
  readonly root: string
  readonly origin: Origin
  readonly snapshots: Snapshot[] = []
  /** How often a file was parsed. */
  reads = 0
  readonly #closing = new AbortController()
  #watching: Promise<void> | undefined

  private constructor(root: string, options: Partial<DirectoryOriginOptions>) {
    this.root = root
    const counted: typeof read = (...args) => {
      this.reads++
      return read(...args)
    }
    this.origin = directoryOrigin({ root, read: counted, settleMs: 40, ...options })
  }

  static async create(options: Partial<DirectoryOriginOptions> = {}): Promise<WatchedDirectory> {
    return new WatchedDirectory(await mkdtemp(join(tmpdir(), 'hermes-origin-')), options)
  }

  path(file: string): string {
    return join(this.root, file)
  }

  async write(file: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(file)), { recursive: true })
    await writeFile(this.path(file), text)
  }

  /** As most editors save: a new file takes the old one's place. */
  async save(file: string, text: string): Promise<void> {
    await writeFile(this.path(`${file}.tmp~`), text)
    await rename(this.path(`${file}.tmp~`), this.path(file))
  }

  read(): Promise<Snapshot> {
    return this.origin.read(this.#closing.signal)
  }

  /** Starts watching and returns the first snapshot. */
  async watch(withinMs = 5_000): Promise<Snapshot> {
    this.#watching ??= (async () => {
      for await (const snapshot of this.origin.snapshots(this.#closing.signal)) this.snapshots.push(snapshot)
    })()
    return this.until(() => true, withinMs)
  }

  /** The latest snapshot, as soon as it fulfils `wish`. */
  async until(wish: (snapshot: Snapshot) => boolean, withinMs = 5_000): Promise<Snapshot> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const last = this.snapshots.at(-1)
      if (last !== undefined && wish(last)) return last
      if (performance.now() > deadline) throw new Error(`not so after ${withinMs} ms: ${describeSnapshot(last)}`)
      await sleep(5)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#watching
    await this.origin[Symbol.asyncDispose]()
    await rm(this.root, { recursive: true, force: true })
  }
}

/** `name`s in force, sorted; kinds are left out, for they are all sources. */
export function namesOf(snapshot: Snapshot | undefined): string[] {
  return (snapshot?.manifests ?? []).map((each) => keyOf(each).replace('SourceDefinition/', '')).toSorted()
}

/** `file code`, sorted. */
export function problemsOf(snapshot: Snapshot): string[] {
  return snapshot.problems.map(({ at, code }) => `${at.file} ${code}`).toSorted()
}

function describeSnapshot(snapshot: Snapshot | undefined): string {
  return snapshot === undefined
    ? 'no snapshot'
    : JSON.stringify([namesOf(snapshot), problemsOf(snapshot), snapshot.complete])
}
