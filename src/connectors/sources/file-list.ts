import { glob, stat } from 'node:fs/promises'
import { HermesError } from '../../errors.ts'
import { directoryError, fileError } from './file-error.ts'

/** The files of a path or pattern, in order of name; throws `file_source_missing` when there are none. */
export async function listFiles(path: string): Promise<readonly string[]> {
  if (!/[*?[\]{}]/.test(path) || (await isFile(path).catch(() => false))) {
    if (!(await isFile(path))) throw directoryError(path)
    return [path]
  }
  const files: string[] = []
  for await (const found of glob(path)) {
    if (await isFile(found).catch(() => false)) files.push(found)
  }
  if (files.length === 0) throw new HermesError('file_source_missing', `no file matches ${path}`)
  return files.toSorted()
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    throw fileError(error, path)
  }
}
