import { hash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { listTooLarge } from '../manifest/list-file.ts'
import { concurrently } from './concurrently.ts'
import { codeOf, isFresh, isGone, readContent, signatureOf } from './file-entry.ts'
import { type FindLists, type FoundList, missing } from './lists.ts'

const parallelLooks = 8

/** Looks lists up below a directory; `now` in milliseconds since the epoch. A link must not lead out of it. */
export function listFinder(root: string, now: number): FindLists {
  return (files) => Promise.all(files.map((file) => findList(root, file, now)))
}

/** What lists look like from outside, by name, without being read. */
export async function listSignatures(root: string, files: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const signatures = new Map<string, string>()
  await concurrently(files, parallelLooks, async (file) => {
    signatures.set(file, await signatureAt(join(root, file)))
  })
  return signatures
}

/** It is looked at from outside first: what changes in between looks changed the next time. */
async function findList(root: string, file: string, now: number): Promise<FoundList> {
  const signature = await signatureAt(join(root, file))
  try {
    const [path, top] = await Promise.all([realpath(join(root, file)), realpath(root)])
    if (!path.startsWith(join(top, sep))) return missing(file, signature, 'leads out of the manifests directory')
    const content = await readContent(path)
    if (content === undefined) return missing(file, signature, 'is no file')
    const { bytes } = content
    const size = Number(content.stat.size)
    const changedAt = Number(content.stat.ctimeNs / 1_000_000n)
    const digest = bytes === undefined ? `size:${size}` : hash('sha256', bytes)
    const mark = { file, signature: isFresh(changedAt, now) ? '' : signature, hash: digest, changedAt }
    return { mark, content: bytes ?? { problems: [listTooLarge(file, size)] } }
  } catch (error) {
    return missing(
      file,
      signature,
      isGone(error) ? 'does not exist' : `could not be read: ${codeOf(error) ?? String(error)}`,
    )
  }
}

async function signatureAt(path: string): Promise<string> {
  try {
    return signatureOf(await stat(path, { bigint: true }))
  } catch (error) {
    return codeOf(error) ?? String(error)
  }
}
