import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HermesError } from '../errors.ts'
import { isTestFile } from '../manifest/test-file.ts'
import { codeOf } from './file-entry.ts'
import { isIgnored } from './walk.ts'

/**
 * The files of tests below a directory, absolute and sorted; of a file its own name. Links to directories are not
 * followed. Throws `not_found`, `file_unreadable`, and `usage` for a file that is not named as one of tests.
 */
export async function findTests(path: string): Promise<readonly string[]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new HermesError('not_found', `${path} does not exist`, { fix: named })
  if (found.isDirectory()) return await testsBelow(path)
  if (isTestFile(path)) return [path]
  throw new HermesError('usage', `${path} is no file of tests: these are named *.test.yaml`, { fix: named })
}

const named = 'Name a directory, or a file named *.test.yaml.'

async function testsBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw new HermesError('file_unreadable', `${directory} could not be listed: ${codeOf(error) ?? String(error)}`)
  })
  const files: string[] = []
  for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    if (isIgnored(entry.name)) continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) files.push(...(await testsBelow(path)))
    else if (isTestFile(entry.name)) files.push(path)
  }
  return files
}
