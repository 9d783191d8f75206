import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { HermesError } from '../errors.ts'
import type { Environment } from './environment.ts'

/**
 * The manifests in a file, or in standard input for `-`. Throws `file_unreadable`, `usage` where nobody pipes anything, and
 * `request_invalid` where there is nothing in it.
 */
export async function readInput(file: string, environment: Environment): Promise<string> {
  const content = await contentOf(file, environment)
  if (content.trim() !== '') return content
  throw new HermesError('request_invalid', `${file === '-' ? 'what is piped in' : file} is empty`, {
    fix: 'Write at least one document with apiVersion, kind, metadata and spec.',
  })
}

async function contentOf(file: string, environment: Environment): Promise<string> {
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
