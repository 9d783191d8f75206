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
  return { revision, resources, held: [], problems: [], summary, ...parts }
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
    }),
    resource('SourceDefinition/lonely', { waitsFor: 'Connection/missing' }),
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
        steps: [{ op: '+', summary: `fetch into t${index}`, reason: 'the manifest was added' }],
      }),
    ),
    ...Array.from({ length: 25 }, (_, index) =>
      resource(`SourceDefinition/gone${index}`, {
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

describe('a plan rendered', () => {
  it.each([
    ['everything', everything],
    ['crowd', crowd],
    ['nothing', plan([], { summary: { create: 0, change: 0, remove: 0, blocked: 0, unchanged: 120 } })],
  ])('of %s', async (name, given) => {
    await expect(renderText(given)).toMatchFileSnapshot(golden(`${name}.txt`))
    await expect(renderMarkdown(given)).toMatchFileSnapshot(golden(`${name}.md`))
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
      expect(text.match(/hermes approve \d+/g)).toHaveLength(30)
      expect(text).not.toContain('more Table')
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
