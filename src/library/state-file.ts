import { readFile } from 'node:fs/promises'
import { replaceOwnFile } from '../atomic-write.ts'
import { lockFile } from '../connectors/buffers/file-lock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { PositionStore } from './options.ts'

/** What stands in the file; a position of another kind of source means nothing to this one. */
interface State {
  readonly source: string
  readonly position: unknown
}

/**
 * Keeps a position in a file, which is replaced at once and never half-written. The file is this pipeline's alone while it
 * is open: a lock beside it ends with the process, however that ends. Throws `state_in_use`, `state_invalid`.
 */
export async function openStateFile(path: string, source: string): Promise<PositionStore & Disposable> {
  const lock = await lockFile(`${path}.lock`).catch((error: unknown) => {
    throw new HermesError('state_invalid', `${path}: ${toHermesError(error).message}`, {
      cause: error,
      fix: 'Give it a directory that is there, and that may be written to.',
    })
  })
  if (lock === undefined) throw new HermesError('state_in_use', `another pipeline has ${path} open`)
  try {
    let position = await read(path, source)
    return {
      load: () => position,
      save: async (next) => {
        const state: State = { source, position: next }
        await replaceOwnFile(path, `${JSON.stringify(state)}\n`, 0o644)
        position = next
      },
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    }
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

async function read(path: string, source: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new HermesError('state_invalid', `${path} cannot be read: ${toHermesError(error).message}`, { cause: error })
  })
  if (text === undefined) return undefined
  const state = parse(text)
  if (state === undefined) throw new HermesError('state_invalid', `${path} is no file that a pipeline wrote`)
  if (state.source === source) return state.position
  throw new HermesError(
    'state_invalid',
    `${path} is of a pipeline from ${state.source}, and this one is from ${source}`,
  )
}

function parse(text: string): State | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('source' in value) || !('position' in value)) return undefined
    return typeof value.source === 'string' ? { source: value.source, position: value.position } : undefined
  } catch {
    return undefined
  }
}
