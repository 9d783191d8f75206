import { join } from 'node:path'
import { HermesError } from '../../errors.ts'
import { bufferFailure } from './file-failure.ts'

/**
 * Has the directory to itself until disposed, or until the process ends however it does: the lock is the kernel's, which
 * SQLite takes on every system alike, and Node itself on none. Throws `buffer_in_use`.
 */
export async function lockDirectory(dir: string): Promise<Disposable> {
  const { DatabaseSync } = await import('node:sqlite')
  let database: InstanceType<typeof DatabaseSync> | undefined
  try {
    database = new DatabaseSync(join(dir, 'lock'))
    // Nothing is ever written, not even a journal: the disk may be full. SQLite sets memory aside by the size of pages.
    database.exec('PRAGMA page_size = 512; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database?.close()
    const isBusy = error instanceof Error && 'errcode' in error && error.errcode === BUSY
    if (isBusy) throw new HermesError('buffer_in_use', `another process has ${dir} open`, { cause: error })
    throw bufferFailure(error)
  }
}

/** SQLITE_BUSY. */
const BUSY = 5
