import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/reconcile/controller.ts'
import { type Plan, planExitCode, type ResourcePlan } from '../../src/reconcile/plan.ts'
import { renderMarkdown } from '../../src/reconcile/render-markdown.ts'
import { renderText } from '../../src/reconcile/render-text.ts'

const golden = (name: string): string => join(import.meta.dirname, 'golden', name)
const at = (file: string, line: number) => ({ file, line, column: 1 })
const revision = 'sha256:3f2c1a9b77e0d1c2b3a4'

function resource(key: string, parts: Partial<ResourcePlan>): ResourcePlan {
  const [kind = '', name = ''] = key.split('/')
  const reason = 'the manifest was added'
  return { key, kind, name, at: at('prices.yaml', 4), action: 'create', reason, revision, steps: [], ...parts }
}

function plan(resources: readonly ResourcePlan[], parts: Partial<Plan> = {}): Plan {
  const summary = { create: 0, change: 0, remove: 0, blocked: 0, unchanged: 0 }
  return { revision, hash: 'fedcba9876543210', resources, held: [], problems: [], summary, ...parts }
}

const create: Step = {
  op: '+',
  summary: 'create table prices_daily',
  sql: 'CREATE TABLE "prices_daily" (\n  "source_name" text NOT NULL,\n  "close" numeric\n);',
  reason: 'spec.table was added',
}
const addColumn: Step = {
  op: '+',
  summary: 'add column volume bigint',
  sql: 'ALTER TABLE "trades" ADD COLUMN "volume" bigint;',
  reason: 'spec.table.columns.volume was added',
  at: at('prices.yaml', 14),
}
const dropColumn: Step = {
  op: '~',
  summary: 'drop column note',
  sql: 'ALTER TABLE "trades" DROP COLUMN "note";',
  destroys: { what: 'column note', rows: 1200 },
  code: 'column_dropped',
  reason: 'spec.table.columns.note was removed',
}
const deleteRows: Step = {
  op: '-',
  summary: 'delete its rows from quotes',
  sql: 'DELETE FROM "quotes" WHERE "source_name" = \'old\';',
  destroys: { what: 'rows of old', rows: 1 },
  code: 'rows_deleted',
  reason: 'the manifest was removed',
}

const everything = plan(
  [
    resource('Connection/fmp', { at: at('fmp.yaml', 1) }),
    resource('Table/prices_daily', { steps: [create] }),
    resource('Table/trades', {
      action: 'change',
      reason: 'spec.columns.volume was added, spec.columns.note was removed',
      steps: [addColumn, dropColumn],
      blocked: {
        approval: '0123456789ab',
        code: 'approval_needed',
        message: 'Table/trades would lose column note (1,200 rows)',
      },
      refetches: [
        { source: 'quotes', rows: 1 },
        { source: 'trades', rows: 1199 },
      ],
    }),
    resource('SourceDefinition/lonely', { waitsFor: 'Connection/missing', refetches: [{ source: 'lonely' }] }),
    resource('SourceDefinition/old', {
      at: at('old.yaml', 1),
      action: 'remove',
      reason: 'the manifest was removed',
      steps: [deleteRows, { op: '.', summary: 'stop fetching', reason: 'the manifest was removed' }],
    }),
  ],
  {
    held: [{ key: 'SourceDefinition/b', at: at('b.yaml', 1), reason: 'b.yaml cannot be read' }],
    problems: [
      {
        code: 'unknown_field',
        message: 'spec.fiel is not known: did you mean file?',
        at: { file: 'b.yaml', line: 5, column: 3 },
        path: 'spec.fiel',
        fix: 'Correct its name or remove it.',
      },
    ],
    summary: { create: 3, change: 0, remove: 1, blocked: 1, unchanged: 120 },
  },
)

const crowd = plan(
  [
    ...Array.from({ length: 30 }, (_, index) =>
      resource(`SourceDefinition/s${index}`, {
        at: at('prices.yaml', 1 + 4 * index),
        steps: [{ op: '+', summary: `fetch into t${index}`, reason: 'the manifest was added' }],
      }),
    ),
    ...Array.from({ length: 25 }, (_, index) =>
      resource(`SourceDefinition/gone${index}`, {
        at: at(`gone${index}.yaml`, 1),
        action: 'remove',
        reason: 'the manifest was removed',
        steps: [deleteRows],
        blocked: {
          approval: 'ba9876543210',
          code: 'prune_guard',
          message: '25 of 60 resources would be removed at once',
        },
      }),
    ),
  ],
  { summary: { create: 30, change: 0, remove: 0, blocked: 25, unchanged: 5 } },
)

const symbols = ['aapl', 'goog', 'msft']

/** Many resources of few documents. */
const generated = plan(
  [
    ...symbols.map((symbol) => resource(`Table/quotes_${symbol}`, { at: at('quotes.yaml', 3), steps: [create] })),
    ...symbols.map((symbol) =>
      resource(`SourceDefinition/quotes-${symbol}`, {
        at: at('quotes.yaml', 3),
        steps: [{ op: '+', summary: `fetch every 1h into quotes_${symbol}`, reason: 'the manifest was added' }],
        waitsFor: 'Connection/missing',
        refetches: [{ source: `quotes-${symbol}` }],
        element: { value: symbol, at: at('symbols.csv', symbol === 'msft' ? 9 : symbol === 'goog' ? 3 : 2) },
      }),
    ),
    resource('SourceDefinition/quotes-ibm', {
      at: at('quotes.yaml', 3),
      reason: 'the element ibm was added',
      steps: [{ op: '~', summary: 'fetch', reason: 'the element ibm was added', at: at('symbols.csv', 7) }],
      element: { value: 'ibm', at: at('symbols.csv', 7) },
    }),
    ...Array.from({ length: 1_200 }, (_, index) =>
      resource(`SourceDefinition/old-${index}-daily`, {
        at: at('old.yaml', 1),
        action: 'remove',
        reason: 'the manifest was removed',
        steps: [{ ...deleteRows, destroys: { what: `rows of old-${index}`, rows: 10 } }],
      }),
    ),
    ...['a', 'b'].map((name) =>
      resource(`SourceDefinition/${name}`, {
        at: at('both.yaml', 1),
        action: 'change',
        reason: `spec.http.path changed from /${name} to /v2/${name}`,
        steps: [{ op: '~', summary: 'fetch every 1h', reason: `spec.http.path changed from /${name} to /v2/${name}` }],
        refetches: [{ source: name, rows: 5 }],
      }),
    ),
    resource('SourceDefinition/c', {
      at: at('both.yaml', 1),
      action: 'change',
      reason: 'spec.schedule.every changed from 1h to 2h',
      steps: [{ op: '~', summary: 'fetch every 2h', reason: 'spec.schedule.every changed from 1h to 2h' }],
    }),
  ],
  { summary: { create: 6, change: 3, remove: 1_200, blocked: 0, unchanged: 2 } },
)

describe('a plan rendered', () => {
  it.each([
    ['everything', everything],
    ['crowd', crowd],
    ['generated', generated],
    ['nothing', plan([], { summary: { create: 0, change: 0, remove: 0, blocked: 0, unchanged: 120 } })],
  ])('of %s', async (name, given) => {
    await expect(renderText(given)).toMatchFileSnapshot(golden(`${name}.txt`))
    await expect(renderMarkdown(given)).toMatchFileSnapshot(golden(`${name}.md`))
  })

  it('of nothing that could be read does not say that nothing is to be done', () => {
    const problem = {
      code: 'git_repository_missing',
      message: 'no repository',
      at: at('/nowhere', 1),
      fix: 'Correct --git.',
    } as const
    const unread = plan([], { revision: '', problems: [problem] })
    for (const text of [renderText(unread), renderMarkdown(unread)]) {
      expect(text).toMatch(/unknown, nothing could be read/i)
      expect(text).not.toMatch(/nothing to do|plan for/i)
    }
  })

  it('in colour says the same', () => {
    const painted = renderText(everything, { paint: (style, text) => `<${style}>${text}</>` })
    expect(painted).toContain('<red>!</> <bold>Table/trades</>')
    expect(painted.replace(/<\/?\w*>/g, '')).toBe(renderText(everything))
  })

  it('shows each blocked change by itself, however many there are', () => {
    const blocked = Array.from({ length: 30 }, (_, index) =>
      resource(`Table/t${index}`, {
        steps: [dropColumn],
        blocked: { approval: `${100000000000 + index}`, code: 'approval_needed', message: 'loses' },
      }),
    )
    for (const text of [renderText(plan(blocked)), renderMarkdown(plan(blocked))]) {
      expect(text.match(/hermes approve \d{12}\b/g)).toHaveLength(30)
      expect(text).toMatch(/Approve all of these with:? `?hermes approve [0-9a-f]{16}\b/)
      expect(text).not.toContain('more Table')
    }
  })

  it('folds a long list of what is fetched again, the most rows first', () => {
    const refetches = Array.from({ length: 30 }, (_, index) => ({ source: `s${index}`, rows: 100 + index }))
    const summary = { create: 0, change: 1, remove: 0, blocked: 0, unchanged: 0 }
    const given = plan([resource('Table/t', { refetches: [{ source: 'new' }, ...refetches] })], { summary })
    for (const text of [renderText(given), renderMarkdown(given)]) {
      expect(text.match(/fetches 1\d\d rows of s\d+ again/g)).toHaveLength(5)
      expect(text).toContain('fetches 129 rows of s29 again, from the start')
      expect(text).toContain('… and 26 more sources from the start, 2,800 rows of them again')
      expect(text).toContain('3,435 rows to fetch again')
    }
  })

  it('ends with the command that applies it, where there is something to apply', () => {
    for (const text of [renderText(everything), renderMarkdown(everything)]) {
      expect(text).toMatch(/\n\nApply this plan with: `?hermes apply --plan fedcba9876543210`?\n$/)
    }
    expect(renderText(plan([]))).not.toContain('Apply')
    expect(renderMarkdown(plan([]))).not.toContain('Apply')
  })

  it('folds resources of one document only where nothing has to be approved for them one by one', () => {
    const blocked = { approval: '1', code: 'approval_needed', message: 'loses' } as const
    const two = ['x-a', 'x-b'].map((name, index) =>
      resource(`Table/${name}`, { steps: [dropColumn], blocked: { ...blocked, approval: `${index}` } }),
    )
    const text = renderText(plan(two))
    expect(text).toContain('! Table/x-a prices.yaml:4')
    expect(text).toContain('! Table/x-b prices.yaml:4')
  })

  it('folds many documents of many resources each, and counts them all', () => {
    const many = Array.from({ length: 30 }, (_, file) =>
      symbols.map((symbol) =>
        resource(`SourceDefinition/d${file}-${symbol}`, { at: at(`d${file}.yaml`, 1), steps: [create] }),
      ),
    )
    for (const text of [renderText(plan(many.flat())), renderMarkdown(plan(many.flat()))]) {
      expect(text).toContain('SourceDefinition/d4-* (3)')
      expect(text).not.toContain('d5-')
      expect(text).toContain('and 75 more SourceDefinition resources to create in the same way')
    }
  })

  it('does not let a name or a statement steer the terminal or the page', () => {
    const hostile = '\u001b[2J<script>|`x`\r```'
    const given = plan([
      resource('Table/t', {
        reason: hostile,
        steps: [{ op: '+', summary: hostile, sql: `SELECT '${hostile}'\n\`\`\`\`\n</details>`, reason: hostile }],
      }),
    ])
    const text = renderText(given)
    expect(text).not.toMatch(/(?!\n)\p{Cc}/u)
    const markdown = renderMarkdown(given)
    expect(markdown.replace(/`{5}sql[^]*?`{5}/, '')).not.toContain('<script>')
    expect(markdown).toContain('\n`````sql\n')
    const [, row = ''] = /^(\|.*Table\/t.*)$/m.exec(markdown) ?? []
    expect(row.replace(/\\\|/g, '').split('|')).toHaveLength(6)
  })
})

it.each([
  [plan([]), 0],
  [plan([resource('Connection/c', {})]), 2],
  [plan([resource('Table/t', { steps: [deleteRows] })]), 3],
  [everything, 1],
])('the exit code says what kind of plan it is (%#)', (given, code) => {
  expect(planExitCode(given)).toBe(code)
})
