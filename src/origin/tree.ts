import { hash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { HermesError } from '../errors.ts'
import { decodeText, fileTooLarge } from '../manifest/decode.ts'
import type { Problem } from '../manifest/manifest.ts'
import type { ManifestTree, TreeFile } from '../manifest/manifest-tree.ts'
import type { ReadManifests } from '../manifest/read.ts'
import { isSecretFile } from '../manifest/secret-file.ts'
import { composeSnapshot, nothingRead } from './compose-snapshot.ts'
import { concurrently } from './concurrently.ts'
import { type FileEntry, isGone, readContent, readProblem } from './file-entry.ts'
import { listFinder } from './find-lists.ts'
import { type FindLists, type FoundList, hashWith, missing, readWithLists } from './lists.ts'
import type { Snapshot } from './origin.ts'
import { walk } from './walk.ts'

const parallelReads = 8
/** Files that are parsed before others get their turn. */
const slice = 16

/** The manifests below a directory, and what is wrong with files that give no text. Throws `manifests_missing`. */
export async function readTree(
  root: string,
  read: ReadManifests,
): Promise<{ readonly tree: ManifestTree; readonly problems: readonly Problem[] }> {
  const { problems, ...found } = await readFiles(root, read)
  const lists = await readLists(root, found.files, read)
  return { tree: { ...found, lists: lists.files }, problems: [...problems, ...lists.problems] }
}

/** What a tree declares, under the revision that its directory has. Others get their turn between the files. */
export function snapshotOfTree(tree: ManifestTree, read: ReadManifests): Promise<Snapshot> {
  const lists = new Map(tree.lists.map((list) => [list.file, foundList(list)]))
  const find: FindLists = async (names) => names.map((name) => lists.get(name) ?? missing(name, '', 'does not exist'))
  return compose(tree, read, find)
}

async function compose(
  { files, unread, complete }: ManifestTree,
  read: ReadManifests,
  find: FindLists,
): Promise<Snapshot> {
  const entries: FileEntry[] = []
  for (const [index, { file, text }] of files.toSorted(byFile).entries()) {
    if (index % slice === slice - 1) await breathe()
    const { result, lists } = await readWithLists(read, text, file, find)
    const { manifests: declared, problems } = result
    const ownHash = hash('sha256', text)
    const about = { file, signature: '', ownHash, hash: hashWith(ownHash, lists), changedAt: 0 }
    entries.push({ ...about, lists, declared, kept: [], problems })
  }
  const revision = `sha256:${hash('sha256', entries.map((entry) => `${entry.file}\0${entry.hash}\n`).join(''))}`
  const parts = { entries, revision, problems: [], complete, stale: new Set(unread), before: nothingRead }
  return composeSnapshot(parts).snapshot
}

type Files = Omit<ManifestTree, 'lists'> & { readonly problems: readonly Problem[] }

/** Files of secrets are checked here and stay here: no plan needs them. */
async function readFiles(root: string, read: ReadManifests): Promise<Files> {
  const listing = await walk(root).catch((error: unknown) => {
    if (!isGone(error)) throw error
    throw new HermesError('manifests_missing', `${root} does not exist`, { fix: 'Name a directory of manifests.' })
  })
  const files: TreeFile[] = []
  const unread = new Map<string, readonly Problem[]>()
  for (const [file, error] of listing.unreadable) unread.set(file, [readProblem(file, error)])
  await concurrently(listing.files.keys(), parallelReads, async (file) => {
    const text = await readText(root, file)
    if (text === undefined) return
    const problems = 'problem' in text ? [text.problem] : isSecretFile(file) ? read(text.text, file).problems : []
    if (problems.length > 0) unread.set(file, problems)
    else if ('text' in text && !isSecretFile(file)) files.push({ file, text: text.text })
  })
  return {
    files: files.toSorted(byFile),
    unread: [...unread.keys()].toSorted(),
    complete: listing.unlisted.size === 0,
    problems: [...listing.problems, ...[...unread.values()].flat()],
  }
}

/** Undefined for a file that went away meanwhile, or is none. */
async function readText(root: string, file: string): Promise<ReturnType<typeof decodeText> | undefined> {
  try {
    const content = await readContent(join(root, file))
    if (content === undefined) return undefined
    const { bytes, stat } = content
    return bytes === undefined ? { problem: fileTooLarge(file, Number(stat.size)) } : decodeText(bytes, file)
  } catch (error) {
    return isGone(error) ? undefined : { problem: readProblem(file, error) }
  }
}

/** Those of the lists that are there; who misses one says so itself. */
async function readLists(
  root: string,
  manifests: readonly TreeFile[],
  read: ReadManifests,
): Promise<{ readonly files: readonly TreeFile[]; readonly problems: readonly Problem[] }> {
  const naming = manifests.filter(({ text }) => text.includes('forEach'))
  const names = new Set(naming.flatMap(({ file, text }) => read(text, file).lists))
  const files: TreeFile[] = []
  const problems: Problem[] = []
  for (const { mark, content } of await listFinder(root, 0)([...names].toSorted())) {
    if (!(content instanceof Uint8Array)) {
      if ('problems' in content) problems.push(...content.problems)
      continue
    }
    const decoded = decodeText(content, mark.file)
    if ('problem' in decoded) problems.push(decoded.problem)
    else files.push({ file: mark.file, text: decoded.text })
  }
  return { files, problems }
}

function foundList({ file, text }: TreeFile): FoundList {
  return { mark: { file, signature: '', hash: hash('sha256', text), changedAt: 0 }, content: Buffer.from(text) }
}

function byFile(one: TreeFile, other: TreeFile): number {
  return one.file < other.file ? -1 : 1
}
