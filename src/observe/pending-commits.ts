import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A commit whose status a Git host was told to be pending. */
export interface PendingCommit {
  readonly sha: string
  /** What the status is called there. */
  readonly context: string
}

/** The commits that a Git host was told are pending, by this process or one before it. */
export interface PendingCommits {
  /** Whether it is known what the process before left. */
  readonly isLoaded: boolean
  /** Reads what the process before left; of several calls the first does. */
  load(): Promise<void>
  /** The one that has been pending for longest, among all but this. */
  oldestBut(sha: string): PendingCommit | undefined
  /** Notes what the host was told last; where no file can be written, for this process alone. */
  note(commit: PendingCommit, isPending: boolean): Promise<void>
}

/** So many are kept, the latest. */
const KEPT = 100

/** Without a file they are known to this process alone. */
export function pendingCommits(path: string | undefined): PendingCommits {
  let known: Map<string, PendingCommit> | undefined
  const load = async (): Promise<void> => {
    const left = known !== undefined || path === undefined ? [] : await readCommits(path)
    known ??= new Map(left.map((each) => [keyOf(each), each]))
  }
  return {
    get isLoaded() {
      return known !== undefined
    },
    load,
    oldestBut: (sha) => known?.values().find((each) => each.sha !== sha),
    note: async ({ sha, context }, isPending) => {
      await load()
      const commits = known ?? new Map<string, PendingCommit>()
      const key = keyOf({ sha, context })
      if (commits.has(key) === isPending) return
      if (isPending) commits.set(key, { sha, context })
      else commits.delete(key)
      const [oldest] = commits.keys()
      if (commits.size > KEPT && oldest !== undefined) commits.delete(oldest)
      if (path !== undefined) await keepCommits(path, [...commits.values()])
    },
  }
}

function keyOf({ sha, context }: PendingCommit): string {
  return `${sha} ${context}`
}

/** None where the file holds no such thing. */
async function readCommits(path: string): Promise<readonly PendingCommit[]> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as unknown
    return Array.isArray(kept) ? kept.filter(isPendingCommit).slice(-KEPT) : []
  } catch {
    return []
  }
}

/** The status of a commit is no reason to fail. */
async function keepCommits(path: string, commits: readonly PendingCommit[]): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, `${JSON.stringify(commits)}\n`)
  } catch {}
}

function isPendingCommit(value: unknown): value is PendingCommit {
  const { sha, context } = Object(value) as Partial<Record<keyof PendingCommit, unknown>>
  return typeof context === 'string' && typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha)
}
