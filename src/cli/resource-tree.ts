import type { Location } from '../errors.ts'
import { type Key, keyOf } from '../manifest/manifest.ts'
import { compareNaturally } from '../natural-order.ts'
import type { ResourceStatus, StatusReport } from '../service/api.ts'

/** A resource, and what hangs on it: below a Connection its sources, below a source its table. */
export interface TreeNode {
  readonly kind: string
  readonly name: string
  /** `missing` where something names it and nothing declares it. */
  readonly state: ResourceStatus['state'] | 'missing'
  /** Why, where it is not ready. */
  readonly reason?: string
  readonly message?: string
  readonly rows?: number
  readonly lastRunAt?: string
  /** Where it is declared; of a table, the source. */
  readonly at?: Location
  readonly children: readonly TreeNode[]
}

/** The resources of a report as trees, in the order of their keys; a source that names no Connection is a root. */
export function resourceTrees({ resources }: StatusReport): readonly TreeNode[] {
  const known = new Map(resources.map((each) => [keyOf(each), each]))
  const sources = resources.filter(({ kind }) => kind === 'SourceDefinition')
  const named = new Set(sources.flatMap(({ connection, table }) => [`Connection/${connection}`, `Table/${table}`]))
  const others = resources.filter((each) => each.kind !== 'SourceDefinition' && !named.has(keyOf(each)))
  const byConnection = Map.groupBy(sources, ({ connection }) => connection)
  const roots = [...byConnection].flatMap(([connection, group]) => {
    const nodes = group.map((source) => sourceNode(source, known))
    return connection === undefined ? nodes : [nodeOf(`Connection/${connection}`, known, inOrder(nodes))]
  })
  return inOrder([...roots, ...others.map((each) => nodeOf(keyOf(each), known, []))])
}

/** Of trees what one resource hangs together with: all below it, and the way down to it; empty when it is in none. */
export function treesWith(key: Key, trees: readonly TreeNode[]): readonly TreeNode[] {
  return trees.flatMap((node) => {
    if (keyOf(node) === key) return [node]
    const children = treesWith(key, node.children)
    return children.length === 0 ? [] : [{ ...node, children }]
  })
}

/** Every node of some trees, with those that stand in several places so many times. */
export function nodesOf(trees: readonly TreeNode[]): readonly TreeNode[] {
  return trees.flatMap((node) => [node, ...nodesOf(node.children)])
}

function sourceNode(source: ResourceStatus, known: ReadonlyMap<Key, ResourceStatus>): TreeNode {
  const tables = source.table === undefined ? [] : [tableNode(source.table, source.at, known)]
  return nodeOf(keyOf(source), known, tables)
}

/** A table stands in the report only while something is to be done about it. */
function tableNode(name: string, at: Location, known: ReadonlyMap<Key, ResourceStatus>): TreeNode {
  if (known.has(`Table/${name}`)) return nodeOf(`Table/${name}`, known, [])
  return { kind: 'Table', name, state: 'ready', at, children: [] }
}

function nodeOf(key: Key, known: ReadonlyMap<Key, ResourceStatus>, children: readonly TreeNode[]): TreeNode {
  const status = known.get(key)
  const slash = key.indexOf('/')
  if (status === undefined) {
    return { kind: key.slice(0, slash), name: key.slice(slash + 1), state: 'missing', children }
  }
  const { kind, name, state, reason, message, rows, lastRunAt, at } = status
  return {
    kind,
    name,
    state,
    ...(state === 'ready' ? {} : { reason, message }),
    ...(rows === undefined ? {} : { rows }),
    ...(lastRunAt === undefined ? {} : { lastRunAt }),
    at,
    children,
  }
}

function inOrder(nodes: readonly TreeNode[]): readonly TreeNode[] {
  return nodes.toSorted((one, other) => compareNaturally(keyOf(one), keyOf(other)))
}
