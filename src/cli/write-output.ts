import { writeFile } from 'node:fs/promises'
import { HermesError, toHermesError } from '../errors.ts'

/** Writes a file that the user asked for, in place of one that is there. Throws `file_unwritable`. */
export async function writeOutput(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) => {
    throw new HermesError('file_unwritable', `${path} cannot be written: ${toHermesError(error).message}`, {
      fix: 'Name a place that may be written.',
    })
  })
}
