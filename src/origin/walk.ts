import { type BigIntStats, type Dirent, stat as statCallback } from 'node:fs'
import { lstat, readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { promisify } from 'node:util'
import type { Problem } from '../manifest/manifest.ts'
import { problem, startOf } from '../manifest/problem.ts'
import { isTestFile } from '../manifest/test-file.ts'
import { concurrently } from './concurrently.ts'
import { codeOf, isGone, readProblem, signatureOf } from './file-entry.ts'

/** What lies below the root: names relative to it, with forward slashes. */
export interface Listing {
  /** Manifest files with their signatures. */
  readonly files: Map<string, string>
  /** Manifest files that are there and cannot be read, with the reason. */
  readonly unreadable: Map<string, unknown>
  /** Directories that were listed; the root is the empty name. */
  readonly directories: Set<string>
  /** Directories that are there and could not be listed. */
  readonly unlisted: Set<string>
  readonly problems: Problem[]
}

/** Far cheaper than the one of `node:fs/promises`, and there are ten thousand of them. */
const stat = promisify(statCallback)
const parallelStats = 32

/** Manifest files end so; tests of workflows are none. */
export function isManifestFile(name: string): boolean {
  return /\.(ya?ml|json)$/.test(name) && !isTestFile(name) && !isIgnored(name)
}

/** Names that are never looked at: hidden ones, what editors leave behind, installed packages. */
export function isIgnored(name: string): boolean {
  return name.startsWith('.') || name.startsWith('#') || name === 'node_modules' || /(~|\.sw[a-p])$/.test(name)
}

/**
 * Lists all manifest files below `root`. Links are followed; a directory is read once, however many links lead to it,
 * and one that leads back to a directory it lies in is a problem. Throws when the root itself cannot be listed.
 */
export async function walk(root: string): Promise<Listing> {
  const walker = new Walker(root)
  await walker.start()
  return walker.listing
}

interface Directory {
  readonly name: string
  readonly id: string
  readonly parent: Directory | undefined
}

class Walker {
  readonly listing: Listing
  readonly #root: string
  readonly #seen = new Set<string>()
  #links: { readonly name: string; readonly parent: Directory }[] = []

  constructor(root: string) {
    this.#root = root
    this.listing = {
      files: new Map(),
      unreadable: new Map(),
      directories: new Set(),
      unlisted: new Set(),
      problems: [],
    }
  }

  async start(): Promise<void> {
    const entries = await readdir(this.#root, { withFileTypes: true })
    await this.#scan(await this.#rootDirectory(), entries)
    // Directories that really lie here come first, so that the outcome does not depend on the order of names.
    while (this.#links.length > 0) {
      const links = this.#links.toSorted((a, b) => (a.name < b.name ? -1 : 1))
      this.#links = []
      for (const { name, parent } of links) await this.#enter(name, parent)
    }
  }

  /** The root below the directories that it really lies in: a link to one of those leads back as well. */
  async #rootDirectory(): Promise<Directory> {
    const parts = (await realpath(this.#root)).split(sep)
    let directory: Directory | undefined
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join(sep) + (depth === 1 ? sep : '')
      directory = { name: '', id: idOf(await stat(path, { bigint: true })), parent: directory }
    }
    return directory ?? { name: '', id: idOf(await stat(this.#root, { bigint: true })), parent: undefined }
  }

  async #scan(directory: Directory, entries: readonly Dirent[]): Promise<void> {
    this.#seen.add(directory.id)
    this.listing.directories.add(directory.name)
    const below: string[] = []
    await concurrently(entries, parallelStats, async (entry) => {
      if (isIgnored(entry.name)) return
      const name = directory.name === '' ? entry.name : `${directory.name}/${entry.name}`
      if (entry.isDirectory()) below.push(name)
      else if (entry.isSymbolicLink()) await this.#follow(name, directory)
      else if (isManifestFile(entry.name)) await this.#file(name)
    })
    for (const name of below.toSorted()) await this.#enter(name, directory)
  }

  async #file(name: string): Promise<void> {
    try {
      const found = await stat(join(this.#root, name), { bigint: true })
      if (found.isFile()) this.listing.files.set(name, signatureOf(found))
    } catch (error) {
      if (!isGone(error)) this.listing.unreadable.set(name, error)
    }
  }

  async #follow(name: string, parent: Directory): Promise<void> {
    try {
      const found = await stat(join(this.#root, name), { bigint: true })
      if (found.isDirectory()) this.#links.push({ name, parent })
      else if (found.isFile() && isManifestFile(baseOf(name))) this.listing.files.set(name, signatureOf(found))
    } catch (error) {
      await this.#brokenLink(name, error)
    }
  }

  /** A link to nothing may have been a file's or a directory's name: what it declared is unknown, not gone. */
  async #brokenLink(name: string, error: unknown): Promise<void> {
    const isThere = await lstat(join(this.#root, name)).then(
      () => true,
      () => false,
    )
    if (!isThere) return
    if (isManifestFile(baseOf(name))) this.listing.unreadable.set(name, error)
    else if (codeOf(error) === 'ELOOP') this.listing.problems.push(readProblem(name, error))
    else if (!baseOf(name).includes('.')) this.#unlisted(name, error)
  }

  async #enter(name: string, parent: Directory): Promise<void> {
    try {
      const id = idOf(await stat(join(this.#root, name), { bigint: true }))
      const isLoop = isAbove(id, parent)
      if (isLoop) this.listing.problems.push(loop(name))
      if (isLoop || this.#seen.has(id)) return
      const entries = await readdir(join(this.#root, name), { withFileTypes: true })
      await this.#scan({ name, id, parent }, entries)
    } catch (error) {
      if (!isGone(error)) this.#unlisted(name, error)
    }
  }

  #unlisted(name: string, error: unknown): void {
    this.listing.unlisted.add(name)
    this.listing.problems.push(readProblem(name, error))
  }
}

function isAbove(id: string, directory: Directory | undefined): boolean {
  for (let each = directory; each !== undefined; each = each.parent) if (each.id === id) return true
  return false
}

function loop(name: string): Problem {
  return problem('symlink_loop', `${name} is a symbolic link to a directory that it lies in`, startOf(name))
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}
