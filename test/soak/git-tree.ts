import { connectionManifest, sourceManifest, type WorldSource, type WorldSources } from './world-source.ts'

/** How a file is spoilt: as a whole, or its first manifest. */
export type Damage = 'syntax' | 'field'

/** What one commit holds; never changed, only followed by another. */
export interface GitTree {
  readonly sources: WorldSources
  /** The file that declares a source, by its name. */
  readonly files: ReadonlyMap<string, string>
  readonly broken: ReadonlyMap<string, Damage>
  /** The directory of all manifests; the service reads `MANIFESTS`. */
  readonly directory: string
  /** Stands outside of the manifests. */
  readonly note: number
}

/** The directory that the service reads. */
export const MANIFESTS = 'manifests'

/** Sources of every commit begin so: none of them is ever removed or moved to another table. */
const ANCHOR = 'anchor'

const anchors: readonly WorldSource[] = [
  { name: 'anchor-1', size: 90, write: 'merge', table: 't_anchor_1', incremental: false, declared: {} },
  { name: 'anchor-2', size: 70, write: 'append', table: 't_anchor_2', incremental: true, declared: { id: 'bigint' } },
  { name: 'anchor-3', size: 50, write: 'merge', table: 'shared', incremental: false, declared: {} },
]

export const firstTree: GitTree = {
  sources: new Map(anchors.map((source) => [source.name, source])),
  files: new Map(anchors.map(({ name }) => [name, 'anchors.yaml'])),
  broken: new Map(),
  directory: MANIFESTS,
  note: 0,
}

export function isAnchor({ name }: WorldSource): boolean {
  return name.startsWith(ANCHOR)
}

/** With a source that is new or declared otherwise. */
export function withSource(tree: GitTree, source: WorldSource, file: string): GitTree {
  const sources = new Map(tree.sources).set(source.name, source)
  return tidied({ ...tree, sources, files: new Map(tree.files).set(source.name, file) })
}

export function withoutSource(tree: GitTree, name: string): GitTree {
  const sources = new Map(tree.sources)
  const files = new Map(tree.files)
  sources.delete(name)
  files.delete(name)
  return tidied({ ...tree, sources, files })
}

/** Its files with their contents, by path. */
export function contentsOf(tree: GitTree, apiUrl: string): ReadonlyMap<string, string> {
  const contents = new Map([['README.md', `Note ${tree.note}\n`]])
  contents.set(`${tree.directory}/connection.yaml`, documents([connectionManifest(apiUrl)]))
  for (const file of new Set(tree.files.values())) {
    const inside = [...tree.sources.values()].filter(({ name }) => tree.files.get(name) === file)
    const damage = tree.broken.get(file)
    const text = documents(inside.map(sourceManifest))
    contents.set(`${tree.directory}/${file}`, damage === undefined ? text : damaged(text, damage))
  }
  return contents
}

/** Whether the service reads the same from both. */
export function isSameToRead(one: GitTree, other: GitTree): boolean {
  return textOf(one) === textOf(other)
}

function textOf(tree: GitTree): string {
  const files = [...contentsOf(tree, '')].filter(([path]) => path.startsWith(`${MANIFESTS}/`))
  return JSON.stringify(files.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

function documents(manifests: readonly object[]): string {
  return manifests.map((each) => `---\n${JSON.stringify(each, null, 2)}\n`).join('')
}

function damaged(text: string, damage: Damage): string {
  return damage === 'syntax' ? `${text}---\nkind: ]\n` : text.replace('"schedule"', '"scheduled"')
}

/** What is broken is gone with its file. */
function tidied(tree: GitTree): GitTree {
  const present = new Set(tree.files.values())
  return { ...tree, broken: new Map([...tree.broken].filter(([file]) => present.has(file))) }
}
