import { randomUUID } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Puts `text` in the place of a file at once: a reader sees the old content or the new, whatever happens. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await withDraft(path, text, mode, (draft) => rename(draft, path))
}

/** The same for a file that only the caller writes: what a process that was killed leaves behind is written over. */
export async function replaceOwnFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.tmp`
  await writeDurably(draft, text, { mode, flags: 'w' })
  await rename(draft, path)
  await syncDirectory(dirname(path))
}

/** Creates a file with `text` at once. False when one of that name exists; it is left alone. */
export async function createFile(path: string, text: string): Promise<boolean> {
  let isNew = true
  await withDraft(path, text, 0o644, async (draft) => {
    await link(draft, path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      isNew = false
    })
    await rm(draft)
  })
  return isNew
}

/** Removes a file for good. */
export async function removeFile(path: string): Promise<void> {
  await rm(path)
  await syncDirectory(dirname(path))
}

/** The draft's name starts with a dot: no reader of manifests looks at it. */
async function withDraft(
  path: string,
  text: string,
  mode: number,
  publish: (draft: string) => Promise<void>,
): Promise<void> {
  const draft = join(dirname(path), `.hermes-${randomUUID()}.tmp`)
  try {
    await writeDurably(draft, text, { mode, flags: 'wx' })
    await publish(draft)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

async function writeDurably(
  path: string,
  text: string,
  { mode, flags }: { readonly mode: number; readonly flags: 'w' | 'wx' },
): Promise<void> {
  await using handle = await open(path, flags, 0o600)
  await handle.writeFile(text)
  await handle.chmod(mode)
  await handle.sync()
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}
