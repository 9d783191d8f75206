import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const LOOK_MS = 100

/** The lock file that kept a run of git from its work, as it says. */
export function lockInTheWay(stderr: string): string | undefined {
  return /Unable to create '([^'\n]+\.lock)': File exists/.exec(stderr)?.[1]
}

/**
 * Waits until a lock file is gone. One that nobody touches for `staleMs` milliseconds was left by a process that was
 * killed, and is removed.
 */
export async function outwaitLock(path: string, staleMs: number, signal: AbortSignal): Promise<void> {
  let touchedAt: number | undefined
  let since = performance.now()
  for (;;) {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) return
    if (found.mtimeMs !== touchedAt) since = performance.now()
    touchedAt = found.mtimeMs
    if (Date.now() - touchedAt > staleMs || performance.now() - since > staleMs) break
    await delay(LOOK_MS, undefined, { signal })
  }
  await rm(path, { force: true })
}

/** Removes the beginnings of packs, which a transfer that failed leaves behind. */
export async function removeBeginnings(dir: string): Promise<void> {
  const packs = join(dir, 'objects', 'pack')
  const names = await readdir(packs).catch(() => [])
  for (const name of names) if (name.startsWith('tmp_')) await rm(join(packs, name), { force: true })
}
