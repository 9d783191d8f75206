import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { HermesError } from '../../errors.ts'
import { exampleFiles } from '../example-files.ts'
import { shownPath } from '../place-text.ts'
import type { Verb } from '../verb.ts'

/** `hermes init [DIR]`: a manifest and its data, ready to be applied. Overwrites nothing. */
export const init: Verb = {
  define: (command) => command.argument('[dir]', 'where to write it; created when absent', '.'),
  examples: [
    ['hermes init', 'start in this directory'],
    ['hermes init demo', 'start in a new one'],
  ],
  run: async ({ args: [dir = '.'], environment }) => {
    const { cwd, stdout } = environment
    const root = resolve(cwd, dir)
    await writeAll(root, cwd)
    for (const [file] of exampleFiles) stdout.write(`wrote ${shownPath(join(root, file), cwd)}\n`)
    const enter = shownPath(root, cwd)
    const steps = [...(enter === '.' ? [] : [`cd ${enter}`]), 'hermes plan', 'hermes serve', 'hermes-status']
    stdout.write(`\nnext: ${steps.join(', then ')}\n`)
  },
}

/** Each file is created, never replaced: the first one that is there ends it before anything is written. */
async function writeAll(root: string, cwd: string): Promise<void> {
  const { existsSync } = await import('node:fs')
  const taken = exampleFiles.map(([file]) => join(root, file)).find((path) => existsSync(path))
  if (taken !== undefined) throw exists(taken, cwd)
  for (const [file, text] of exampleFiles) {
    const path = join(root, file)
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text, { flag: 'wx' })
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(path, cwd)
      const message = error instanceof Error ? error.message : String(error)
      throw new HermesError('file_unreadable', message, {
        fix: 'Choose a directory that you may write to.',
        cause: error,
      })
    }
  }
}

function exists(path: string, cwd: string): HermesError {
  return new HermesError('file_exists', `${shownPath(path, cwd)} is there already`)
}
