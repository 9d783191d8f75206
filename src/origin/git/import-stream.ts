import { setImmediate as breathe } from 'node:timers/promises'

/** A commit for `git fast-import`. */
export interface ImportedCommit {
  readonly ref: string
  /** The commit it is put on; absent: it has no parent. */
  readonly parent?: string
  /** The tree it begins with; absent: that of its parent, or none. */
  readonly tree?: string
  /** Texts by path. */
  readonly files: ReadonlyMap<string, string>
  /** Modes by path, of files that are not ordinary ones. */
  readonly modes?: ReadonlyMap<string, string>
  readonly removed: readonly string[]
  readonly message: string
  /** `Name <address>`. */
  readonly author: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Files that are put down before others get their turn. */
const SLICE = 500

/** The stream that makes the commit, whatever the ref held before, and has its id printed. */
export async function importStream(commit: ImportedCommit): Promise<Uint8Array> {
  const parts = [Buffer.from(`${beginning(commit)}\n`)]
  let text = ''
  let count = 0
  for (const [path, content] of commit.files) {
    text += `M ${commit.modes?.get(path) ?? '100644'} inline ${quoted(path)}\n${data(content)}\n`
    count += 1
    if (count % SLICE !== 0) continue
    parts.push(Buffer.from(text))
    text = ''
    await breathe()
  }
  parts.push(Buffer.from(`${text}\nget-mark :1\ndone\n`))
  return Buffer.concat(parts)
}

function beginning({ ref, parent, tree, removed, message, author, at }: ImportedCommit): string {
  const who = `${author} ${Math.floor(at / 1_000)} +0000`
  const lines = [`commit ${ref}`, 'mark :1', `author ${who}`, `committer ${who}`, data(message)]
  if (parent !== undefined) lines.push(`from ${parent}`)
  if (tree !== undefined) lines.push(`M 040000 ${tree} ""`)
  for (const path of removed) lines.push(`D ${quoted(path)}`)
  return lines.join('\n')
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`
}

function quoted(path: string): string {
  return `"${path.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}
