import type { Random } from '../random.ts'
import { type GitTree, isAnchor, withoutSource, withSource } from './git-tree.ts'
import { randomSource, type WorldSource } from './world-source.ts'

/** As many sources besides those of every commit. */
const MOST_SOURCES = 6

type Edit = (tree: GitTree, random: Random, serial: number) => GitTree

/** The tree that somebody commits next; `serial` is of no earlier call. */
export function randomCommit(tree: GitTree, random: Random, serial: number): GitTree {
  return random.pick(edits)(tree, random, serial)
}

const add: Edit = (tree, random, serial) => {
  const source = randomSource(serial, random)
  const file = random.next() < 0.3 ? random.pick([...tree.files.values()]) : `${source.name}.yaml`
  const others = [...tree.sources.values()].filter((each) => !isAnchor(each))
  const room = others.length < MOST_SOURCES ? tree : withoutSource(tree, random.pick(others).name)
  return withSource(room, source, file)
}

const remove: Edit = (tree, random, serial) => {
  const removable = [...tree.sources.values()].filter((each) => !isAnchor(each))
  return removable.length === 0 ? add(tree, random, serial) : withoutSource(tree, random.pick(removable).name)
}

/** Moves rows to another table and back, or declares a column more. */
const change: Edit = (tree, random) => {
  const source = random.pick([...tree.sources.values()])
  const file = fileOf(tree, source)
  const isHeld = isAnchor(source) || source.table === 'shared'
  if (!isHeld && random.next() < 0.5) {
    const table = source.table.endsWith('_m') ? source.table.slice(0, -2) : `${source.table}_m`
    return withSource(tree, { ...source, table }, file)
  }
  if (source.table === 'shared') return relocate(tree, random, 0)
  return withSource(tree, { ...source, declared: { ...source.declared, amount: 'numeric' } }, file)
}

/** To another file, new or present, in another directory or the same. */
const relocate: Edit = (tree, random) => {
  const source = random.pick([...tree.sources.values()])
  const places = [`${source.name}.yaml`, `team/${source.name}.yaml`, random.pick([...tree.files.values()])]
  return withSource(tree, source, random.pick(places))
}

const spoil: Edit = (tree, random) => {
  const file = random.pick([...tree.files.values()])
  return { ...tree, broken: new Map(tree.broken).set(file, random.pick(['syntax', 'field'] as const)) }
}

const mend: Edit = (tree) => ({ ...tree, broken: new Map() })

const note: Edit = (tree, _random, serial) => ({ ...tree, note: serial })

const edits = [add, add, add, remove, remove, change, change, relocate, relocate, spoil, spoil, mend, note] as const

function fileOf(tree: GitTree, { name }: WorldSource): string {
  return tree.files.get(name) ?? `${name}.yaml`
}
