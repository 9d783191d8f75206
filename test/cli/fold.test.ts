import { describe, expect, it } from 'vitest'
import { resourceTrees } from '../../src/cli/resource-tree.ts'
import { eventsText } from '../../src/cli/verbs/events.ts'
import { traceText } from '../../src/cli/verbs/trace.ts'
import { treesText } from '../../src/cli/verbs/tree.ts'
import type { EventEntry, ResourceStatus } from '../../src/service/api.ts'

const output = { write: () => undefined, isTerminal: false, columns: 200, colours: false }
const time = '2026-01-01T00:10:00.000Z'
const now = Date.parse(time)

/** `count` sources that one manifest makes of a list; some of them as `changes` says. */
function quotes(count: number, changes: Readonly<Record<number, Partial<ResourceStatus>>> = {}): ResourceStatus[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'SourceDefinition',
    name: `quotes-s${index}`,
    state: 'ready',
    reason: 'Fetched',
    message: 'fine',
    revision: 'main@sha1:1111111111111111111111111111111111111111',
    at: { file: 'quotes.yaml', line: 1, column: 1 },
    conditions: [],
    connection: 'shop',
    table: `quotes_s${index}`,
    rows: 10,
    lastRunAt: new Date(now - 1_000 * (index + 1)).toISOString(),
    ...changes[index],
  }))
}

const stalled = { state: 'stalled', reason: 'SecretMissing', message: 'no value' } as const

function treeOf(resources: readonly ResourceStatus[]): readonly string[] {
  const trees = resourceTrees({ time, version: '1', revision: 'r', resources, problems: [] })
  return treesText(trees, now, output).trimEnd().split('\n')
}

describe('hermes tree', () => {
  it('has one line for many sources of a manifest, and one for each that differs', () => {
    expect(treeOf(quotes(300, { 7: stalled, 12: stalled }))).toEqual([
      '? Connection/shop  missing',
      '├─ ✔ SourceDefinition/quotes-* (298)  ready, 2980 rows, fetched 5m ago',
      '│  └─ ✔ Table/quotes_* (298)  ready',
      '├─ ✘ SourceDefinition/quotes-s7  stalled, 10 rows, fetched 8s ago  SecretMissing: no value',
      '│  └─ ✔ Table/quotes_s7  ready',
      '└─ ✘ SourceDefinition/quotes-s12  stalled, 10 rows, fetched 13s ago  SecretMissing: no value',
      '   └─ ✔ Table/quotes_s12  ready',
    ])
  })

  it('names those of many that are not well, and shows a table that they share once', () => {
    const all = quotes(12).map((each) => ({ ...each, ...stalled, table: 'quotes' }))
    expect(treeOf(all)).toEqual([
      '? Connection/shop  missing',
      '└─ ✘ SourceDefinition/quotes-* (12)  stalled, 120 rows, fetched 12s ago  SecretMissing: no value  ' +
        'quotes-s0, quotes-s1, quotes-s2, quotes-s3, quotes-s4, quotes-s5, quotes-s6, quotes-s7, quotes-s8, quotes-s9 and 2 more',
      '   └─ ✔ Table/quotes  ready',
    ])
  })

  it('shows a few by themselves, and so those of other manifests', () => {
    expect(treeOf(quotes(5))).toHaveLength(11)
    const elsewhere = quotes(12).map((each, line) => ({ ...each, at: { file: 'all.yaml', line, column: 1 } }))
    expect(treeOf(elsewhere)).toHaveLength(25)
    expect(treeOf(elsewhere).filter((line) => line.includes('Source'))[2]).toContain('quotes-s2 ')
  })
})

it('hermes trace has one line for many sources of a manifest, and one for each that differs', () => {
  const sources = quotes(300, { 7: stalled })
  const lines = traceText({ table: 'quotes', sources }, now, output).trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['SOURCE', 'STATE', 'ROWS', 'LAST RUN', 'DECLARED IN', 'REVISION'],
    ['quotes-* (299)', 'ready', '2990', '5m ago', 'quotes.yaml:1', 'main@1111111'],
    ['quotes-s7', 'stalled', '10', '8s ago', 'quotes.yaml:1', 'main@1111111'],
  ])
})

const entry = (index: number, message: string, more: Partial<EventEntry> = {}): EventEntry => ({
  type: 'normal',
  key: `SourceDefinition/quotes-s${index}`,
  reason: 'Fetched',
  message,
  count: 1,
  firstAt: new Date(now - 400_000 + index * 1_000).toISOString(),
  lastAt: new Date(now - 400_000 + index * 1_000).toISOString(),
  ...more,
})

describe('hermes events', () => {
  it('has one line for what happened to many alike, at the time of the last', () => {
    const entries = Array.from({ length: 300 }, (_, index) => entry(index, `${index} rows into quotes_s${index}`))
    const failure = entry(7, 'no answer', { type: 'warning', reason: 'HttpTimeout', lastAt: time })
    const lines = eventsText([...entries, failure], now, output)
      .trimEnd()
      .split('\n')
    expect(lines.slice(1).map((line) => line.split(/ {2,}/))).toEqual([
      [
        '1m 41s ago (x300 over 4m 59s)',
        'SourceDefinition/quotes-* (300)',
        'Fetched',
        'for example 299 rows into quotes_s299',
      ],
      [expect.stringContaining('now'), 'SourceDefinition/quotes-s7', 'HttpTimeout', 'no answer'],
    ])
  })

  it('keeps apart what is not alike', () => {
    const entries = Array.from({ length: 10 }, (_, index) =>
      entry(index, index % 2 === 0 ? 'one' : `other ${'a'.repeat(index)}`),
    )
    expect(eventsText(entries, now, output).trimEnd().split('\n')).toHaveLength(11)
  })
})
