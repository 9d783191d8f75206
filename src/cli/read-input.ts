import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { HermesError } from '../errors.ts'
import type { Environment } from './environment.ts'

/** The text of a file, or of standard input for `-`. Throws `file_unreadable`, and `usage` where nobody pipes anything. */
export async function readInput(file: string, environment: Environment): Promise<string> {
  if (file === '-') {
    if (environment.stdin.isTTY === true) {
      throw new HermesError('usage', 'nothing is piped in', { fix: 'Name a file, or pipe manifests into the command.' })
    }
    return await text(environment.stdin)
  }
  try {
    return await readFile(resolve(environment.cwd, file), 'utf8')
  } catch (error) {
    throw new HermesError('file_unreadable', error instanceof Error ? error.message : String(error), {
      fix: 'Check the path and its permissions.',
      cause: error,
    })
  }
}
