import { HermesError } from '../../errors.ts'
import type { ObjectReader } from './object-reader.ts'
import { nameText, type TreeChange, type TreeEntry } from './tree.ts'

/** A directory that differs: its path with a slash at the end, and its trees; undefined on the side that has none. */
interface Differing {
  readonly path: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** What of one directory differs. */
interface Found {
  readonly changes: TreeChange[]
  readonly below: Differing[]
}

/** What differs between the files of two trees; all of them when there is no earlier one. Looks only where ids differ. */
export async function treeChanges(
  reader: Pick<ObjectReader, 'objects'>,
  before: string | undefined,
  after: string,
): Promise<readonly TreeChange[]> {
  const found: Found = { changes: [], below: before === after ? [] : [{ path: '', before, after }] }
  while (found.below.length > 0) {
    const directories = found.below.splice(0)
    const trees = await readTrees(
      reader,
      directories.flatMap((each) => [each.before, each.after]),
    )
    for (const { path, before: one, after: other } of directories) {
      compare(path, entriesOf(trees, one), entriesOf(trees, other), found)
    }
  }
  return found.changes
}

function compare(path: string, before: Entries, after: Entries, { changes, below }: Found): void {
  for (const [name, { mode, oid }] of after) {
    const earlier = before.get(name)
    if (earlier?.mode === mode && earlier.oid === oid) continue
    const [former, isDirectory] = [treeOf(earlier), mode === DIRECTORY]
    if (isDirectory || former !== undefined) {
      below.push({ path: `${path}${name}/`, before: former, after: isDirectory ? oid : undefined })
    }
    const file = `${path}${name}`
    if (!isDirectory) changes.push({ name: file, entry: { name: file, mode, oid } })
    else if (earlier !== undefined && former === undefined) changes.push({ name: file, entry: undefined })
  }
  for (const [name, entry] of before) {
    if (after.has(name)) continue
    const former = treeOf(entry)
    if (former === undefined) changes.push({ name: `${path}${name}`, entry: undefined })
    else below.push({ path: `${path}${name}/`, before: former, after: undefined })
  }
}

const DIRECTORY = '40000'

function treeOf(entry: Pick<TreeEntry, 'mode' | 'oid'> | undefined): string | undefined {
  return entry?.mode === DIRECTORY ? entry.oid : undefined
}

type Entries = ReadonlyMap<string, Pick<TreeEntry, 'mode' | 'oid'>>

const nothing: Entries = new Map()

function entriesOf(trees: ReadonlyMap<string, Entries>, oid: string | undefined): Entries {
  return oid === undefined ? nothing : (trees.get(oid) ?? nothing)
}

async function readTrees(
  reader: Pick<ObjectReader, 'objects'>,
  oids: readonly (string | undefined)[],
): Promise<ReadonlyMap<string, Entries>> {
  const wanted = [...new Set(oids.filter((oid) => oid !== undefined))]
  const objects = await reader.objects(wanted)
  return new Map(wanted.map((oid, index) => [oid, parseTreeObject(oid, objects[index]?.bytes)]))
}

/** A tree as Git stores it: `<mode> SP <name> NUL <20 bytes of id>`, again and again. */
function parseTreeObject(oid: string, bytes: Buffer | undefined): Entries {
  if (bytes === undefined) throw new HermesError('git_failed', `the clone lacks the tree ${oid}`)
  const entries = new Map<string, Pick<TreeEntry, 'mode' | 'oid'>>()
  for (let start = 0; start < bytes.length; ) {
    const blank = bytes.indexOf(0x20, start)
    const end = bytes.indexOf(0, blank)
    const next = end + 21
    if (blank < 0 || end < 0 || next > bytes.length) throw new HermesError('git_failed', `tree ${oid} is damaged`)
    const name = nameText(bytes.subarray(blank + 1, end))
    const mode = canonical(bytes.toString('latin1', start, blank))
    entries.set(name, { mode, oid: bytes.toString('hex', end + 1, next) })
    start = next
  }
  return entries
}

/** Early versions of Git kept more of a file's permissions. */
function canonical(mode: string): string {
  if (!mode.startsWith('100')) return mode
  return (Number.parseInt(mode, 8) & 0o100) === 0 ? '100644' : '100755'
}
