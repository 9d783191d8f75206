import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { removeFile, replaceFile } from '../atomic-write.ts'
import { HermesError } from '../errors.ts'
import { signatureOf } from './file-entry.ts'

/** A manifest file that is about to change. */
export interface OpenFile {
  /** Relative to the root. */
  readonly file: string
  readonly path: string
  readonly text: string
  readonly mode: number
  readonly signature: string
}

/** Reads a file below `root` to change it. Throws `request_invalid` when a link leads out of the root. */
export async function openFile(root: string, file: string): Promise<OpenFile> {
  const [path, top] = await Promise.all([realpath(join(root, file)), realpath(root)])
  if (!path.startsWith(`${top}${sep}`)) {
    const fix = 'Edit the file where it lies.'
    throw new HermesError('request_invalid', `${file} is a link to a file outside the manifests directory`, { fix })
  }
  const found = await stat(path, { bigint: true })
  const text = await readFile(path, 'utf8')
  return { file, path, text, mode: Number(found.mode & 0o777n), signature: signatureOf(found) }
}

/** Puts new text in its place. Throws `file_changed` when somebody else changed the file since it was opened. */
export async function saveFile(opened: OpenFile, text: string): Promise<void> {
  await checkUnchanged(opened)
  await replaceFile(opened.path, text, opened.mode)
}

/** Removes it. Throws `file_changed`. */
export async function deleteFile(opened: OpenFile): Promise<void> {
  await checkUnchanged(opened)
  await removeFile(opened.path)
}

async function checkUnchanged({ file, path, signature }: OpenFile): Promise<void> {
  const now = signatureOf(await stat(path, { bigint: true }))
  if (now !== signature) throw new HermesError('file_changed', `${file} changed while it was being edited`)
}
