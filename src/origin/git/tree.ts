/** One file of a commit's tree, below the path that is watched. */
export interface TreeEntry {
  readonly name: string
  /** `100644`, `100755`, `120000` for a symbolic link, `160000` for a submodule. */
  readonly mode: string
  readonly oid: string
}

/** One difference between two trees; `entry` is absent for what is gone. */
export interface TreeChange {
  readonly name: string
  readonly entry: TreeEntry | undefined
}

/** What `git ls-tree -r -z` prints: `<mode> SP <type> SP <oid> TAB <name> NUL`. */
export function parseTree(output: Buffer): readonly TreeEntry[] {
  return records(output).map((record) => {
    const tab = record.indexOf(0x09)
    const [mode = '', , oid = ''] = record.toString('latin1', 0, tab).split(' ')
    return { name: nameText(record.subarray(tab + 1)), mode, oid }
  })
}

function records(output: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let start = 0; start < output.length; ) {
    const end = output.indexOf(0, start)
    if (end < 0) break
    found.push(output.subarray(start, end))
    start = end + 1
  }
  return found
}

const strict = new TextDecoder('utf-8', { fatal: true })

/** A file name as text. In one that is not UTF-8 each byte beyond ASCII is written as `\xNN`: no two of those become the same. */
export function nameText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    ).join('')
  }
}
