import { hash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, open as openCallback, read as readCallback } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileTooLarge, maxFileBytes } from '../manifest/decode.ts'
import { keyOf, type Manifest, type Problem } from '../manifest/manifest.ts'
import { problem, startOf } from '../manifest/problem.ts'
import type { ReadManifests, ReadResult } from '../manifest/read.ts'
import type { SecretFile } from '../manifest/secret-file.ts'
import { type FindLists, hashWith, type ListMark, lookAgain, readWithLists } from './lists.ts'

/** What is known of one manifest file. */
export interface FileEntry {
  readonly file: string
  /** Size, times and inode of what was read; empty when the file is to be read again at the next list. */
  readonly signature: string
  /** sha256 of the content, and of the lists that it names. */
  readonly hash: string
  /** sha256 of the content alone. */
  readonly ownHash: string
  /** The lists that its manifests name. */
  readonly lists: readonly ListMark[]
  /** What the present content declares. */
  readonly declared: readonly Manifest[]
  /** What earlier content declared and the present, broken one does not: it stays in force. */
  readonly kept: readonly Manifest[]
  readonly problems: readonly Problem[]
  /** Of a file of secrets, what it holds in place of manifests. */
  readonly secrets?: SecretFile
  /** Milliseconds since the epoch. */
  readonly changedAt: number
}

/** Two states of a file with equal signatures have equal content, unless one was written right after it was read. */
export function signatureOf(stat: BigIntStats): string {
  return `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}:${stat.ino}`
}

/** Within so many milliseconds of its reading, a file can change again without another time stamp. */
const stampMs = 100

export function isFresh(changedAt: number, now: number): boolean {
  return Math.abs(now - changedAt) < stampMs
}

/** What a reading needs to know; `now` in milliseconds since the epoch. */
export interface ReadingContext {
  readonly root: string
  readonly read: ReadManifests
  readonly find: FindLists
  readonly now: number
}

/** Reads a file. Undefined when it is not there (any more), or is no regular file. A link to nothing is unreadable. */
export async function readEntry(
  file: string,
  previous: FileEntry | undefined,
  context: ReadingContext,
): Promise<FileEntry | undefined> {
  try {
    const content = await readContent(join(context.root, file))
    return content === undefined ? undefined : await entryOf(file, content, previous, context)
  } catch (error) {
    const isAbsent = isGone(error) && (await lstat(join(context.root, file)).catch(() => undefined)) === undefined
    return isAbsent ? undefined : unreadable(file, error, previous)
  }
}

/** A file as it was read. */
export interface Content {
  readonly stat: BigIntStats
  /** Undefined when the file is too large to be looked at. */
  readonly bytes: Uint8Array | undefined
}

/** A third of the cost of `node:fs/promises`, and there are ten thousand of them. */
const open = promisify(openCallback)
const read = promisify(readCallback)

/** Undefined for what is no regular file. Opens without waiting, so that a pipe in a file's place cannot hold us up. */
export async function readContent(path: string): Promise<Content | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(handle, { bigint: true })
    if (!stat.isFile()) return undefined
    return { stat, bytes: stat.size > maxFileBytes ? undefined : await readAll(handle, Number(stat.size)) }
  } finally {
    closeSync(handle)
  }
}

async function readAll(handle: number, size: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const { bytesRead } = await read(handle, buffer, length, size - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

async function entryOf(
  file: string,
  { stat, bytes }: Content,
  previous: FileEntry | undefined,
  context: ReadingContext,
): Promise<FileEntry> {
  const { find, now } = context
  const writtenAt = Number(stat.ctimeNs / 1_000_000n)
  const signature = isFresh(writtenAt, now) ? '' : signatureOf(stat)
  const ownHash = bytes === undefined ? `size:${stat.size}` : hash('sha256', bytes)
  if (previous?.ownHash === ownHash && !isUnreadable(previous)) {
    const lists = await lookAgain(previous.lists, find)
    const changedAt = latest(writtenAt, lists)
    if (hashWith(ownHash, lists) === previous.hash) return { ...previous, signature, lists, changedAt }
  }
  const tooLarge = (): ReadResult => ({ manifests: [], problems: [fileTooLarge(file, Number(stat.size))], lists: none })
  const { result, lists } =
    bytes === undefined ? { result: tooLarge(), lists: none } : await readWithLists(context.read, bytes, file, find)
  const { manifests: declared, problems, secrets } = result
  const marks = { signature, hash: hashWith(ownHash, lists), ownHash, lists, changedAt: latest(writtenAt, lists) }
  const about = { file, ...marks, ...(secrets === undefined ? {} : { secrets }) }
  if (problems.length > 0) return { ...about, declared, kept: keptFrom(previous, declared), problems }
  // A copy: a list that was filled one by one has room for many more, and there are ten thousand of them.
  return { ...about, declared: [...declared], kept: none, problems: none }
}

function latest(writtenAt: number, lists: readonly ListMark[]): number {
  return lists.reduce((last, { changedAt }) => Math.max(last, changedAt), writtenAt)
}

const none: readonly never[] = Object.freeze([])

/** What a file declared before and its present, broken content does not. */
export function keptFrom(previous: FileEntry | undefined, declared: readonly Manifest[]): readonly Manifest[] {
  const present = new Set(declared.map(keyOf))
  return [...(previous?.declared ?? []), ...(previous?.kept ?? [])].filter((each) => !present.has(keyOf(each)))
}

/** The entry of a file that cannot be read: all that it declared before stays. */
export function unreadable(file: string, error: unknown, previous: FileEntry | undefined): FileEntry {
  const problems = [readProblem(file, error)]
  const blank = { file, hash: 'unreadable', ownHash: '', lists: none, declared: [], kept: [], changedAt: 0 }
  return { ...(previous ?? blank), signature: '', problems }
}

function isUnreadable(entry: FileEntry): boolean {
  return entry.problems.some(({ code }) => code === 'file_unreadable' || code === 'symlink_loop')
}

/** Why a file or directory could not be read, as a problem. */
export function readProblem(file: string, error: unknown): Problem {
  const code = codeOf(error)
  if (code === 'ELOOP')
    return problem('symlink_loop', `${file} is a symbolic link that leads back to itself`, startOf(file))
  return problem('file_unreadable', `${file} could not be read: ${code ?? String(error)}`, startOf(file))
}

/** Whether an error says that nothing is there. */
export function isGone(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** The system's code of an error: `EACCES`. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
