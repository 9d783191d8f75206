import type { GitAnswer } from './git-command.ts'
import { gitFailure } from './git-failure.ts'
import { parseTree, type TreeEntry } from './tree.ts'

/** Names that one git is asked for. */
const AT_ONCE = 200

/** Who runs git in a clone. */
interface Clone {
  ask(args: readonly string[], signal: AbortSignal): Promise<GitAnswer>
}

/** What lies at these places of a tree or commit, by name; without those where nothing is. */
export async function entriesAt(
  clone: Clone,
  treeish: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>()
  // Asked for a directory and for a file in it, git tells nothing of the directory.
  const byDepth = Map.groupBy(new Set(names), (name) => name.split('/').length)
  for (const some of [...byDepth.values()].flatMap(portions)) {
    const answer = await clone.ask(['ls-tree', '-z', '--full-tree', treeish, '--', ...some], signal)
    if (answer.code !== 0) throw gitFailure('look at the tree', answer)
    for (const entry of parseTree(answer.stdout)) entries.set(entry.name, entry)
  }
  return entries
}

function portions(names: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(names.length / AT_ONCE)
  return Array.from({ length: count }, (_, index) => names.slice(index * AT_ONCE, (index + 1) * AT_ONCE))
}
