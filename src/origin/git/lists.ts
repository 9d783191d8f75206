import { HermesError } from '../../errors.ts'
import { maxFileBytes } from '../../manifest/decode.ts'
import { listTooLarge } from '../../manifest/list-file.ts'
import { type FoundList, missing } from '../lists.ts'
import { entriesAt } from './entries-at.ts'
import { isLfsPointer } from './lfs.ts'
import type { GitRepository } from './repository.ts'
import type { TreeEntry } from './tree.ts'

type Repository = Pick<GitRepository, 'ask' | 'sizes' | 'fetchBlobs' | 'blobs'>

/** Lists below a tree, by name. Links are not followed; contents that the clone lacks are fetched. */
export async function findLists(
  repository: Repository,
  tree: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, FoundList>> {
  const entries = await entriesAt(repository, tree, files, signal)
  const oids = [...new Set([...entries.values()].filter(isFile).map(({ oid }) => oid))]
  const present = await repository.sizes(oids, signal)
  await repository.fetchBlobs(
    oids.filter((oid) => !present.has(oid)),
    signal,
  )
  const sizes = await repository.sizes(oids, signal)
  const small = oids.filter((oid) => (sizes.get(oid) ?? 0) <= maxFileBytes)
  const contents = new Map((await repository.blobs(small, signal)).map(({ oid, bytes }) => [oid, bytes]))
  const found = files.map((file): FoundList => {
    const entry = entries.get(file)
    if (entry === undefined || !isFile(entry)) return missing(file, entry?.oid ?? '', reasonOf(entry))
    return foundIn(entry, contents.get(entry.oid), sizes.get(entry.oid))
  })
  return new Map(found.map((each) => [each.mark.file, each]))
}

function foundIn({ name, oid }: TreeEntry, bytes: Uint8Array | undefined, size: number | undefined): FoundList {
  const mark = { file: name, signature: oid, hash: oid, changedAt: 0 }
  if (size !== undefined && size > maxFileBytes) return { mark, content: { problems: [listTooLarge(name, size)] } }
  if (bytes === undefined) throw new HermesError('git_failed', `the clone lacks the content of ${name}`)
  return isLfsPointer(bytes) ? missing(name, oid, 'is a pointer to Git LFS') : { mark, content: bytes }
}

function isFile({ mode }: TreeEntry): boolean {
  return mode === '100644' || mode === '100755'
}

function reasonOf(entry: TreeEntry | undefined): string {
  if (entry === undefined) return 'does not exist'
  return entry.mode === '120000' ? 'is a symbolic link' : 'is no file'
}
