import { describe, expect, it } from 'vitest'
import { nodesOf, resourceTrees, type TreeNode, treesWith } from '../../src/cli/resource-tree.ts'
import { eventsText } from '../../src/cli/verbs/events.ts'
import type { ResourceStatus, StatusReport } from '../../src/service/api.ts'

function status(key: string, more: Partial<ResourceStatus> = {}): ResourceStatus {
  const [kind = '', name = ''] = key.split('/')
  const at = { file: 'a.yaml', line: 1, column: 1 }
  const well = { state: 'ready', reason: 'Reconciled', message: 'fine' } as const
  return { kind, name, ...well, revision: 'r', at, conditions: [], ...more }
}

function report(...resources: ResourceStatus[]): StatusReport {
  return { time: '2026-01-01T00:00:00.000Z', version: '1', revision: 'r', resources, problems: [] }
}

/** `a(b c(d))` */
function shape(nodes: readonly TreeNode[]): string {
  return nodes
    .map((node) => `${node.kind}/${node.name}${node.children.length === 0 ? '' : `(${shape(node.children)})`}`)
    .join(' ')
}

const shop = report(
  status('SourceDefinition/orders', { connection: 'shop', table: 'orders', rows: 3 }),
  status('SourceDefinition/items', { connection: 'shop', table: 'shared' }),
  status('SourceDefinition/local', { table: 'shared' }),
  status('SourceDefinition/lost', {
    connection: 'gone',
    table: 'lost',
    state: 'waiting',
    reason: 'WaitingForResource',
  }),
  status('Connection/shop'),
  status('Connection/unused'),
  status('Table/shared', { state: 'stalled', reason: 'TableConflict', message: 'they differ' }),
  status('Table/left', { state: 'progressing' }),
)

describe('the trees of a report', () => {
  it('hang sources below their Connections, and tables below the sources that fill them', () => {
    expect(shape(resourceTrees(shop))).toBe(
      'Connection/gone(SourceDefinition/lost(Table/lost)) ' +
        'Connection/shop(SourceDefinition/items(Table/shared) SourceDefinition/orders(Table/orders)) ' +
        'Connection/unused SourceDefinition/local(Table/shared) Table/left',
    )
  })

  it('say how each is, and why where it is not well', () => {
    const nodes = new Map(nodesOf(resourceTrees(shop)).map((node) => [`${node.kind}/${node.name}`, node]))
    expect(nodes.get('Connection/gone')?.state).toBe('missing')
    expect(nodes.get('Table/orders')?.state).toBe('ready')
    expect(nodes.get('SourceDefinition/orders')).toMatchObject({ state: 'ready', rows: 3 })
    expect(nodes.get('SourceDefinition/orders')).not.toHaveProperty('reason')
    expect(nodes.get('Table/shared')).toMatchObject({ state: 'stalled', reason: 'TableConflict' })
  })

  it.each([
    ['Connection/gone', 'Connection/gone(SourceDefinition/lost(Table/lost))'],
    ['SourceDefinition/orders', 'Connection/shop(SourceDefinition/orders(Table/orders))'],
    ['Table/shared', 'Connection/shop(SourceDefinition/items(Table/shared)) SourceDefinition/local(Table/shared)'],
    ['Table/none', ''],
  ])('with %s alone', (key, expected) => {
    expect(shape(treesWith(key, resourceTrees(shop)))).toBe(expected)
  })
})

it('shows what happened again as once, with how often and over how long', () => {
  const output = { write: () => undefined, isTerminal: false, columns: 200, colours: false }
  const [firstAt, lastAt] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:08:00.000Z']
  const late = { type: 'warning', key: 'SourceDefinition/a', reason: 'HttpTimeout', message: 'late' } as const
  const begun = { type: 'normal', reason: 'RevisionAccepted', message: 'r is in force' } as const
  const entries = [
    { ...begun, count: 1, firstAt, lastAt: firstAt },
    { ...late, count: 17, firstAt, lastAt },
  ]
  const lines = eventsText(entries, Date.parse('2026-01-01T00:10:00.000Z'), output).split('\n')
  expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'LAST SEEN | RESOURCE | REASON | MESSAGE',
    '10m ago | - | RevisionAccepted | r is in force',
    '2m ago (x17 over 8m) | SourceDefinition/a | HttpTimeout | late',
    '',
  ])
  expect(eventsText([], 0, output)).toBe('nothing happened yet\n')
})
