import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HermesError } from '../../errors.ts'
import { fileError } from './file-error.ts'
import { LineFile, type LineFileParts, type LinePosition, TAIL } from './line-file.ts'

/** A file beside the followed one that holds what was written before. */
interface Rotated {
  readonly path: string
  readonly inode: string
  readonly identity: string
  readonly changedNs: bigint
  readonly bornNs: bigint
}

/** Where reading goes on, and whether something between may be lost. */
export interface Standing {
  readonly file: LineFile
  readonly lost: boolean
}

/** File systems stamp changes with the time of the last tick. */
const COARSE_MS = 10

export interface StandingParts {
  readonly maxLineBytes: number
  /** Milliseconds since the epoch: a rotated file that changed since may be a copy, however little was read of it. */
  readonly copiedSince?: number
}

/**
 * Finds what was read up to a position, whatever became of it: the file itself, under a name that rotation gave it, or
 * copied. Where nothing of it is left the file of that name is new. Undefined while there is no file.
 */
export async function standingOf(
  path: string,
  from: LinePosition,
  { maxLineBytes, copiedSince = Number.POSITIVE_INFINITY }: StandingParts,
): Promise<Standing | undefined> {
  const same = { generation: from.generation, maxLineBytes }
  const other = { generation: from.generation + 1, maxLineBytes }
  // Before the others are listed: what has its name by then is rotated, and in the list.
  const own = await inodeOf(path)
  const latestFirst = (await filesBeside(path)).toReversed()
  const renamed = latestFirst.filter(({ inode }) => inode === from.inode)
  const isLong = from.offset >= TAIL
  const copies = latestFirst.filter(
    (file) => isRotated(path, file.path) && (isLong || Number(file.changedNs / 1_000_000n) >= copiedSince - COARSE_MS),
  )
  const candidates: (readonly [path: string, parts: LineFileParts])[] = [
    ...(own === from.inode ? [[path, same] as const] : []),
    ...renamed.map((file) => [file.path, same] as const),
    ...(own !== undefined && own !== from.inode && isLong ? [[path, other] as const] : []),
    ...copies.map((file) => [file.path, other] as const),
  ]
  for (const [candidate, parts] of candidates) {
    const file = await openHolding(candidate, from, parts)
    if (file !== undefined) return { file, lost: false }
  }
  // Rotated while it was looked for: the list is not what there is any more.
  if ((await inodeOf(path)) !== own) return await standingOf(path, from, { maxLineBytes, copiedSince })
  const file = await opened(path, other)
  return file === undefined ? undefined : { file, lost: from.offset > 0 }
}

/**
 * The file that was begun after another one: one that was rotated since, the earliest first, or the one of that name;
 * undefined while there is none. Whatever is rotated meanwhile, none is passed over.
 */
export async function successorOf(
  path: string,
  file: LineFile,
  read: ReadonlySet<string>,
  maxLineBytes: number,
): Promise<LineFile | undefined> {
  const { mtimeNs, birthtimeNs } = await file.stat()
  const parts = { generation: file.generation + 1, maxLineBytes }
  // Before the others are listed, as above.
  const latest = await opened(path, parts)
  for (const { path: name, identity, changedNs, bornNs } of await filesBeside(path)) {
    const isLater = changedNs >= mtimeNs || (bornNs > birthtimeNs && changedNs > birthtimeNs)
    if (!isLater || !isRotated(path, name) || read.has(identity) || identity === latest?.identity) continue
    const next = await opened(name, parts)
    if (next === undefined) continue
    await latest?.[Symbol.asyncDispose]()
    return next
  }
  return latest
}

/** The inode of a path; undefined while nothing is there. Throws what else the file system says, as `file_unreadable`. */
export async function inodeOf(path: string): Promise<string | undefined> {
  try {
    return String((await stat(path, { bigint: true })).ino)
  } catch (error) {
    return absent(fileError(error, path))
  }
}

/** As `LineFile.open`; undefined while there is no file. */
export async function opened(path: string, parts: LineFileParts): Promise<LineFile | undefined> {
  return await LineFile.open(path, parts).catch(absent)
}

async function openHolding(path: string, from: LinePosition, parts: LineFileParts): Promise<LineFile | undefined> {
  const file = await opened(path, parts)
  if (file === undefined) return undefined
  const isNamed = parts.generation > from.generation || file.inode === from.inode
  if (isNamed && (await file.holds(from))) {
    await file.seek(from.offset)
    return file
  }
  await file[Symbol.asyncDispose]()
  return undefined
}

const compressed = /\.(gz|zst|bz2|xz|lz4|zip)$/

/** The other files of the directory, which changed longest ago first. */
async function filesBeside(path: string): Promise<readonly Rotated[]> {
  const directory = dirname(path)
  const names = await readdir(directory).catch(() => [])
  const files = await Promise.all(
    names
      .filter((name) => name.startsWith(stemOf(path)) && name !== basename(path) && !compressed.test(name))
      .map(async (name) => {
        const stats = await stat(join(directory, name), { bigint: true }).catch(() => undefined)
        if (stats?.isFile() !== true) return []
        const { ino, birthtimeNs, mtimeNs } = stats
        const identity = `${ino}:${birthtimeNs}`
        return [{ path: join(directory, name), inode: String(ino), identity, changedNs: mtimeNs, bornNs: birthtimeNs }]
      }),
  )
  return files.flat().toSorted((a, b) => Number(a.changedNs - b.changedNs) || Number(a.bornNs - b.bornNs))
}

/** Whether a name is what rotation makes of a path: a number or a date behind it, or before its extension. */
function isRotated(path: string, candidate: string): boolean {
  const name = basename(path)
  const stem = stemOf(path)
  const other = basename(candidate)
  const suffix = other.startsWith(name)
    ? other.slice(name.length)
    : other.endsWith(name.slice(stem.length))
      ? other.slice(stem.length, other.length - (name.length - stem.length))
      : ''
  return /^[.\-_]\d[\dTZ.:_-]*$/.test(suffix)
}

/** The name without its extension: logs are rotated to app.log.1, or to app-20260131.log. */
function stemOf(path: string): string {
  const name = basename(path)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(0, dot) : name
}

function absent(error: unknown): undefined {
  if (error instanceof HermesError && error.code === 'file_source_missing') return undefined
  throw error
}
