import type { GitTree } from './git-tree.ts'

/** Of the sources that every commit declares there are three: all others together may be removed without approval. */
const MOST_NAMES = 13

/** The trees that a branch had in one round, one after the other. */
export class SeenTrees {
  readonly #trees: GitTree[]

  constructor(first: GitTree) {
    this.#trees = [first]
  }

  add(tree: GitTree): void {
    this.#trees.push(tree)
  }

  /** Whether no step from any of them to this one needs approval: it removes few, and no declared column. */
  mayBecome(tree: GitTree): boolean {
    const names = new Set([...this.#trees, tree].flatMap(({ sources }) => [...sources.keys()]))
    return names.size <= MOST_NAMES && this.#trees.every((earlier) => keepsColumns(earlier, tree))
  }

  /** Sources that all of them declare. */
  get lasting(): ReadonlySet<string> {
    const [first, ...later] = this.#names
    return later.reduce((kept, names) => kept.intersection(names), first ?? new Set<string>())
  }

  /** Sources that none leaves out after the first one that declares them. */
  get unbroken(): ReadonlySet<string> {
    const gone = new Set<string>()
    let present: ReadonlySet<string> = new Set()
    let all: ReadonlySet<string> = new Set()
    for (const names of this.#names) {
      for (const name of present.difference(names)) gone.add(name)
      present = names
      all = all.union(names)
    }
    return all.difference(gone)
  }

  get #names(): readonly ReadonlySet<string>[] {
    return this.#trees.map(({ sources }) => new Set(sources.keys()))
  }
}

function keepsColumns(before: GitTree, after: GitTree): boolean {
  return [...after.sources.values()].every(({ name, declared }) => {
    const columns = Object.keys(before.sources.get(name)?.declared ?? {})
    return columns.every((column) => declared[column] !== undefined)
  })
}
