import { rename as renameCallback, writeFile as writeFileCallback } from 'node:fs'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { ResourceStatus, StatusReport } from './status.ts'
import { conditionHash, formatStatusFile, HEADER_BYTES, hashOfStatusFile, statusPath } from './status-file.ts'
import { formatSummary, summarise } from './status-summary.ts'

export interface WriteBackOptions {
  readonly dir: string
  /** Told once when the directory cannot be written, and again only after it could be. */
  readonly onTrouble: (error: Error) => void
}

/** Keeps one file per resource, and `status.json` over all, in step with the reports it is given. */
export interface WriteBack {
  /**
   * Writes what changed its condition, removes what is gone; resolves when the files are there. Never throws. While one
   * report is being written only the newest of those that come in is kept.
   */
  write(report: StatusReport): Promise<void>
}

/** Half the cost of `node:fs/promises`, and there are ten thousand files. */
const writeFile = promisify(writeFileCallback)
const rename = promisify(renameCallback)

/** Resources that are compared before others get their turn. */
const SLICE = 500
const WRITERS = 8

export function writeBack(options: WriteBackOptions): WriteBack {
  const files = new StatusFiles(options.dir)
  let next: StatusReport | undefined
  let writing: Promise<void> | undefined
  let troubled = false

  const drain = async () => {
    while (next !== undefined) {
      const report = next
      next = undefined
      try {
        await files.bringTo(report)
        troubled = false
      } catch (error) {
        if (!troubled) options.onTrouble(error instanceof Error ? error : new Error(String(error)))
        troubled = true
      }
    }
    writing = undefined
  }
  return {
    write: (report) => {
      next = report
      writing ??= drain()
      return writing
    },
  }
}

/** The directory, and what is known of its files: condition hashes by path. */
class StatusFiles {
  readonly #dir: string
  #known: Map<string, string> | undefined
  #summary = ''

  constructor(dir: string) {
    this.#dir = dir
  }

  async bringTo(report: StatusReport): Promise<void> {
    const known = (this.#known ??= await readKnown(this.#dir))
    const wanted = await wantedFiles(this.#dir, report.resources)
    const changed = [...wanted].filter(([path, { hash }]) => known.get(path) !== hash)
    const gone = [...known.keys()].filter((path) => !wanted.has(path))
    await each(changed, async ([path, { hash, status }]) => {
      await replaceFile(path, formatStatusFile(status, hash))
      known.set(path, hash)
    })
    await each(gone, async (path) => {
      await rm(path, { force: true })
      known.delete(path)
    })
    await this.#summarise(report, changed.length + gone.length > 0)
  }

  /** Last, so that a reader who finds it finds the files it speaks of. */
  async #summarise(report: StatusReport, changed: boolean): Promise<void> {
    const { time, ...rest } = summarise(report)
    const content = JSON.stringify(rest)
    if (!changed && content === this.#summary) return
    await replaceFile(join(this.#dir, 'status.json'), formatSummary({ time, ...rest }))
    this.#summary = content
  }
}

/** A status, and the hash of its conditions. */
export interface Wanted {
  readonly hash: string
  readonly status: ResourceStatus
}

/** The status files below `dir` that resources should have, by path. */
export async function wantedFiles(dir: string, resources: readonly ResourceStatus[]): Promise<Map<string, Wanted>> {
  const wanted = new Map<string, Wanted>()
  for (const [index, status] of resources.entries()) {
    if (index % SLICE === SLICE - 1) await breathe()
    wanted.set(statusPath(dir, status), { hash: conditionHash(status), status })
  }
  return wanted
}

/** What an earlier process left; files of others are not in it. */
async function readKnown(dir: string): Promise<Map<string, string>> {
  const known = new Map<string, string>()
  await each(await statusFiles(dir), async (path) => {
    const hash = hashOfStatusFile(await readHeader(path).catch(() => ''))
    if (hash !== undefined) known.set(path, hash)
  })
  return known
}

/** Only the beginning: a part of a text that is kept would keep all of it in memory. */
async function readHeader(path: string): Promise<string> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
  return buffer.toString('utf8', 0, bytesRead)
}

/** The paths of all status files below `dir`; none when it does not exist. */
export async function statusFiles(dir: string): Promise<readonly string[]> {
  const paths: string[] = []
  for (const kind of await entriesOf(dir)) {
    if (!kind.isDirectory() || kind.name.startsWith('.')) continue
    for (const file of await entriesOf(join(dir, kind.name))) {
      if (file.isFile() && file.name.endsWith('.yaml')) paths.push(join(dir, kind.name, file.name))
    }
  }
  return paths
}

async function entriesOf(dir: string) {
  try {
    return await readdir(dir, { withFileTypes: true })
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  }
}

/** All or nothing: readers see the old text or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    await writeFile(temporary, text)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, text)
  }
  await rename(temporary, path)
}

/** Runs `work` over all items, a few at a time. The first failure ends it, once what runs has come to its end. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const failures: unknown[] = []
  const worker = async () => {
    for (const item of rest) {
      if (failures.length > 0) return
      await work(item).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, worker))
  if (failures.length > 0) throw failures[0]
}
