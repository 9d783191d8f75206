import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Looks at a repository are a day apart at most: who left files untouched for longer was killed. */
const ABANDONED_MS = 2 * 86_400_000

/** Files for git to read which this process has to itself; disposing them removes them. */
export interface OwnFiles extends AsyncDisposable {
  readonly dir: string
  /** Writes a text that only this user reads, and returns where. */
  readonly keep: (name: string, text: string) => Promise<string>
  /** Tells that they are in use. */
  readonly touch: () => void
}

/** A new directory whose name begins with `prefix`. Those that killed processes left beside it go after two days. */
export async function ownFiles(prefix: string): Promise<OwnFiles> {
  await mkdir(dirname(prefix), { recursive: true })
  await removeAbandoned(prefix)
  const dir = await mkdtemp(`${prefix}-`)
  return {
    dir,
    keep: async (name, text) => {
      const path = join(dir, name)
      const lines = text.replaceAll('\r\n', '\n')
      await writeFile(path, lines.endsWith('\n') ? lines : `${lines}\n`, { mode: 0o600 })
      return path
    },
    touch: () => {
      const now = new Date()
      void utimes(dir, now, now).catch(() => undefined)
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}

async function removeAbandoned(prefix: string): Promise<void> {
  const names = await readdir(dirname(prefix))
  for (const name of names.filter((each) => each.startsWith(`${basename(prefix)}-`))) {
    const path = join(dirname(prefix), name)
    const touchedAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY
    if (Date.now() - touchedAt > ABANDONED_MS) await rm(path, { recursive: true, force: true })
  }
}
