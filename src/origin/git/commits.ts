import type { Commit } from '../origin.ts'
import type { BareRepository } from './bare-repository.ts'
import type { GitRepository } from './repository.ts'

export interface CommitsParts {
  /** The clone that manifests are read from; what it has of commits is the newest. */
  readonly clone: Pick<GitRepository, 'sizes' | 'ask'>
  /** Fetches the others, and is thrown away each time: a commit without its files must not get into the clone. */
  readonly scratch: BareRepository
}

/** Commits do not change: so many are kept. */
const KEPT = 1_000
/** So many are asked for one by one where the other side does not have all of them any more. */
const MOST_ALONE = 20

const format = ['log', '--no-walk=unsorted', '--encoding=UTF-8', '--format=%H%x00%an%x00%aI%x00%s']
const fetchArgs = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--depth=1', '--filter=tree:0', 'origin']

/** Tells who made the commits of revisions. */
export class Commits {
  readonly #parts: CommitsParts
  readonly #known = new Map<string, Commit>()
  #asking: Promise<unknown> = Promise.resolve()

  constructor(parts: CommitsParts) {
    this.#parts = parts
  }

  /** By revision (`main@sha1:<id>`); one that is no commit, or that the other side does not have, is left out. */
  async of(revisions: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Commit>> {
    const ids = new Map(revisions.flatMap((revision) => pairs(revision, idOf(revision))))
    const asking = this.#asking.catch(() => undefined).then(() => this.#learn([...new Set(ids.values())], signal))
    this.#asking = asking
    await asking.catch(() => signal.throwIfAborted())
    return new Map([...ids].flatMap(([revision, id]) => pairs(revision, this.#known.get(id))))
  }

  async #learn(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { clone } = this.#parts
    const asked = ids.filter((id) => !this.#known.has(id))
    const here = await clone.sizes(asked, signal)
    if (here.size > 0) this.#keep((await clone.ask([...format, ...here.keys()], signal)).stdout)
    const rest = asked.filter((id) => !here.has(id))
    if (rest.length > 0) await this.#fetch(rest, signal)
  }

  async #fetch(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { scratch } = this.#parts
    await scratch.open(signal)
    try {
      const there = await this.#sent(ids, signal)
      if (there.length > 0) this.#keep(await scratch.local('read commits', [...format, ...there], signal))
    } finally {
      await scratch.remove()
    }
  }

  /** Which of them the other side sent: of several it sends all or none. */
  async #sent(ids: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const { scratch } = this.#parts
    const fetched = await scratch.remote('fetch commits', [...fetchArgs, ...ids], signal)
    if (fetched.code === 0) return ids
    if (ids.length === 1) return []
    const sent: string[] = []
    for (const id of ids.slice(0, MOST_ALONE)) sent.push(...(await this.#sent([id], signal)))
    return sent
  }

  #keep(lines: Buffer): void {
    if (this.#known.size > KEPT) this.#known.clear()
    for (const line of lines.toString('utf8').split('\n')) {
      const [id, author, date, subject] = line.split('\0')
      if (id === undefined || author === undefined || date === undefined || subject === undefined) continue
      this.#known.set(id, { id, author, date, subject })
    }
  }
}

function idOf(revision: string): string | undefined {
  return /(?:^|@)sha1:([0-9a-f]{40})$/.exec(revision)?.[1]
}

function pairs<T>(revision: string, value: T | undefined): readonly (readonly [string, T])[] {
  return value === undefined ? [] : [[revision, value]]
}
