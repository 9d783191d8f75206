import { keyOf } from '../../manifest/manifest.ts'
import { countedPattern, nameList } from '../../reconcile/name-list.ts'
import { counted, printable, relativeTime, truncate } from '../display.ts'
import type { Output } from '../environment.ts'
import { type Alike, foldAlike } from '../fold-alike.ts'
import { painter } from '../paint.ts'
import { outputOption, print } from '../print.ts'
import { withApi } from '../reach.ts'
import { resolveKey } from '../resource-name.ts'
import { nodesOf, resourceTrees, type TreeNode, treesWith } from '../resource-tree.ts'
import { stateStyle } from '../state-style.ts'
import type { Verb } from '../verb.ts'

/** `hermes tree [KIND/NAME]`: what hangs on what, and how each is. */
export const tree: Verb = {
  define: (command) => command.argument('[resource]', 'Kind/name; everything when left out').addOption(outputOption()),
  examples: [
    ['hermes tree', 'Connections, their sources, and the tables of these'],
    ['hermes tree Connection/shop', 'all that hangs on one Connection'],
    ['hermes tree Table/orders', 'all that a table hangs on'],
  ],
  run: async ({ args: [given], environment, options, config }) => {
    const { stdout } = environment
    const report = await withApi({ config: config(), environment, readOnly: true }, ({ api }) => api.status())
    const all = resourceTrees(report)
    const trees = given === undefined ? all : treesWith(resolveKey(given, nodesOf(all)), all)
    await print(stdout, options.output, trees, () => treesText(trees, Date.parse(report.time), stdout))
  },
}

const marks: Readonly<Record<TreeNode['state'], string>> = {
  ready: '✔',
  progressing: '◌',
  waiting: '…',
  retrying: '↻',
  stalled: '✘',
  blocked: '!',
  suspended: '‖',
  missing: '?',
}

/** Of one document, and in the same state for the same reason: such nodes are one line when there are many. */
function folded(nodes: readonly TreeNode[]): readonly Alike<TreeNode>[] {
  return foldAlike(nodes, ({ kind, name, state, reason, at }) => {
    return JSON.stringify(at === undefined ? [kind, name] : [kind, state, reason, at.file, at.line, at.column])
  })
}

/** A line a resource: its mark, its key, and how it is. */
export function treesText(trees: readonly TreeNode[], now: number, output: Output): string {
  if (trees.length === 0) return 'no resources\n'
  return folded(trees)
    .flatMap((alike) => linesOf(alike, { first: '', rest: '' }, now, output))
    .join('')
}

interface Indent {
  /** Before the node's own line, and before those below it. */
  readonly first: string
  readonly rest: string
}

function linesOf(alike: Alike<TreeNode>, { first, rest }: Indent, now: number, output: Output): readonly string[] {
  const [node] = alike
  const paint = painter(output)
  const style = node.state === 'missing' ? 'red' : stateStyle[node.state]
  const names = alike.map(({ name }) => name)
  const title = alike.length === 1 ? node.name : countedPattern(names)
  const head = `${first}${marks[node.state]} ${node.kind}/${printable(title)}`
  const which = alike.length === 1 || node.state === 'ready' ? '' : `  ${printable(nameList(names))}`
  const about = `  ${aboutText(alike, now, output)}${which}`.trimEnd()
  const room = output.isTerminal ? Math.max(0, output.columns - head.length) : Number.POSITIVE_INFINITY
  const painted = head.replace(marks[node.state], (mark) => paint(style, mark))
  const line = `${painted}${paint('dim', truncate(about, room))}\n`
  const children = folded(childrenOf(alike))
  const below = children.flatMap((child, index) => {
    const isLast = index === children.length - 1
    const indent = { first: `${rest}${isLast ? '└─ ' : '├─ '}`, rest: `${rest}${isLast ? '   ' : '│  '}` }
    return linesOf(child, indent, now, output)
  })
  return [line, ...below]
}

/** What hangs on several is there once. */
function childrenOf(alike: Alike<TreeNode>): readonly TreeNode[] {
  const [{ children }] = alike
  if (alike.length === 1) return children
  return [...new Map(alike.flatMap((node) => node.children.map((child) => [keyOf(child), child] as const))).values()]
}

/** The rows are those of all; the time is that of the one that was fetched longest ago. */
function aboutText(alike: Alike<TreeNode>, now: number, output: Output): string {
  const [{ state, reason, message }] = alike
  const rows = alike.flatMap((node) => node.rows ?? [])
  const [lastRunAt] = alike.flatMap((node) => node.lastRunAt ?? []).toSorted()
  const total = rows.reduce((sum, each) => sum + each, 0)
  const parts = [
    state,
    ...(rows.length === 0 ? [] : [counted(total, 'row', output.isTerminal)]),
    ...(lastRunAt === undefined ? [] : [`fetched ${relativeTime(lastRunAt, now)}`]),
  ]
  return `${parts.join(', ')}${reason === undefined ? '' : `  ${reason}: ${printable(message ?? '')}`}`
}
