import { counted, printable, relativeTime, truncate } from '../display.ts'
import type { Output } from '../environment.ts'
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

/** A line a resource: its mark, its key, and how it is. */
function treesText(trees: readonly TreeNode[], now: number, output: Output): string {
  if (trees.length === 0) return 'no resources\n'
  return trees.flatMap((node) => linesOf(node, { first: '', rest: '' }, now, output)).join('')
}

interface Indent {
  /** Before the node's own line, and before those below it. */
  readonly first: string
  readonly rest: string
}

function linesOf(node: TreeNode, { first, rest }: Indent, now: number, output: Output): readonly string[] {
  const paint = painter(output)
  const style = node.state === 'missing' ? 'red' : stateStyle[node.state]
  const head = `${first}${marks[node.state]} ${node.kind}/${printable(node.name)}`
  const about = `  ${aboutText(node, now, output)}`.trimEnd()
  const room = output.isTerminal ? Math.max(0, output.columns - head.length) : Number.POSITIVE_INFINITY
  const painted = head.replace(marks[node.state], (mark) => paint(style, mark))
  const line = `${painted}${paint('dim', truncate(about, room))}\n`
  const below = node.children.flatMap((child, index) => {
    const isLast = index === node.children.length - 1
    const indent = { first: `${rest}${isLast ? '└─ ' : '├─ '}`, rest: `${rest}${isLast ? '   ' : '│  '}` }
    return linesOf(child, indent, now, output)
  })
  return [line, ...below]
}

function aboutText({ state, reason, message, rows, lastRunAt }: TreeNode, now: number, output: Output): string {
  const parts = [
    state,
    ...(rows === undefined ? [] : [counted(rows, 'row', output.isTerminal)]),
    ...(lastRunAt === undefined ? [] : [`fetched ${relativeTime(lastRunAt, now)}`]),
  ]
  return `${parts.join(', ')}${reason === undefined ? '' : `  ${reason}: ${printable(message ?? '')}`}`
}
