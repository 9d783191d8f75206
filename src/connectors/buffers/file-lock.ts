import { join } from 'node:path'
import { HermesError } from '../../errors.ts'
import { bufferFailure } from './file-failure.ts'

/** Has the directory to itself: see `lockFile`. Throws `buffer_in_use`. */
export async function lockDirectory(dir: string): Promise<Disposable> {
  const lock = await lockFile(join(dir, 'lock')).catch((error: unknown) => {
    throw bufferFailure(error)
  })
  if (lock === undefined) throw new HermesError('buffer_in_use', `another process has ${dir} open`)
  return lock
}

/**
 * Holds a file, which is made and stays, until disposed, or until the process ends however it does: the lock is the
 * kernel's, which SQLite takes on every system alike, and Node itself on none. `undefined` when somebody else holds it.
 */
export async function lockFile(path: string): Promise<Disposable | undefined> {
  const { DatabaseSync } = await import('node:sqlite')
  let database: InstanceType<typeof DatabaseSync> | undefined
  try {
    database = new DatabaseSync(path)
    // Nothing is ever written, not even a journal: the disk may be full. SQLite sets memory aside by the size of pages.
    database.exec('PRAGMA page_size = 512; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    const isBusy = error instanceof Error && 'errcode' in error && error.errcode === BUSY
    if (isBusy) return undefined
    throw error
  }
}

/** SQLITE_BUSY. */
const BUSY = 5
