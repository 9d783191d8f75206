import { type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../file-entry.ts'
import { outwaitLock } from './leftovers.ts'

/** A lock that nobody touches for so many milliseconds is nobody's … */
const STALE_MS = 3_000
/** … and so often it is touched. */
const TOUCH_MS = 500

/**
 * Runs `work` while no other process does, as far as all of them ask by the same lock file. It is touched as long as the
 * work takes, so that who waits can tell it from one that a killed process left. Where no file can be written the work
 * is done all the same.
 */
export async function exclusively<T>(path: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const lock = await take(path, signal)
  const touching = setInterval(() => void touch(lock), TOUCH_MS)
  try {
    return await work()
  } finally {
    clearInterval(touching)
    await release(path, lock)
  }
}

async function take(path: string, signal: AbortSignal): Promise<FileHandle | undefined> {
  await mkdir(dirname(path), { recursive: true }).catch(() => undefined)
  for (;;) {
    try {
      return await open(path, 'wx')
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return undefined
      await outwaitLock(path, STALE_MS, signal)
    }
  }
}

async function touch(lock: FileHandle | undefined): Promise<void> {
  const now = new Date()
  await lock?.utimes(now, now).catch(() => undefined)
}

/** One that was held up for long may have lost it to somebody else. */
async function release(path: string, lock: FileHandle | undefined): Promise<void> {
  if (lock === undefined) return
  const [own, present] = await Promise.all([lock.stat(), stat(path).catch(() => undefined)])
  await lock.close()
  if (own.ino === present?.ino) await rm(path, { force: true })
}
