import { expect, it } from 'vitest'
import type { ResourceStatus } from '../../src/observe/status.ts'
import { statusReadme } from '../../src/observe/status-readme.ts'
import { report, stalled, status } from './branch-reports.ts'

const page = (...resources: readonly ResourceStatus[]) => statusReadme(report(...resources), 'status')
const ready = (count: number) => Array.from({ length: count }, (_, index) => status(`s${`${index}`.padStart(5, '0')}`))

it('says first how it is, then what is not ready, then problems, then the rest', () => {
  const { table: _table, rows: _rows, lastRunAt: _at, ...connection } = status('a', { kind: 'Connection' })
  const resources = [
    status('b', { rows: 1_234_567 }),
    stalled('c'),
    connection,
    status('d', { state: 'suspended', reason: 'Suspended', message: 'spec.suspend is true.' }),
    status('e', { state: 'blocked', reason: 'ApprovalNeeded', message: 'Column x would go. `hermes approve abc`.' }),
  ]
  const at = { file: 'manifests/a.yaml', line: 12, column: 7 }
  const problems = [
    { code: 'unknown_field', message: 'colums is not a field', at, path: 'spec.table', fix: 'Did you mean columns?' },
  ]
  expect(
    statusReadme({ ...report(...resources), problems }, 'status'),
  ).toBe(`<!-- Written by Hermes; changes are overwritten. -->
# Status

**2 of 5 resources not ready: 1 blocked, 1 stalled, 1 suspended, 2 ready; 1 problem in the manifests.**

Revision \`main@sha1:1111111111111111111111111111111111111111\`, written 2026-01-02 10:00 by Hermes 1.2.3. Figures are of that time; times are UTC.

## Not ready

| State | Resource | Table | Rows | Last run | Message |
| --- | --- | --- | --: | --- | --- |
| **blocked** | [SourceDefinition/e](status/SourceDefinition/e.yaml) | \`prices\` | 1 | 2026-01-02 09:30 | \`ApprovalNeeded\` Column x would go. \\\`hermes approve abc\\\`. |
| **stalled** | [SourceDefinition/c](status/SourceDefinition/c.yaml) | \`prices\` | 1 | 2026-01-02 09:30 | \`SecretMissing\` The secret TOKEN has no value. |

## Problems in the manifests

| Place | Problem |
| --- | --- |
| \`manifests/a.yaml:12:7\` | \`spec.table\`: colums is not a field (\`unknown_field\`) Did you mean columns? |

<details open><summary>1 suspended, 2 ready</summary>

| State | Resource | Table | Rows | Last run | Message |
| --- | --- | --- | --: | --- | --- |
| suspended | [SourceDefinition/d](status/SourceDefinition/d.yaml) | \`prices\` | 1 | 2026-01-02 09:30 | \`Suspended\` spec.suspend is true. |
| ready | [Connection/a](status/Connection/a.yaml) |  |  |  |  |
| ready | [SourceDefinition/b](status/SourceDefinition/b.yaml) | \`prices\` | 1,234,567 | 2026-01-02 09:30 |  |

</details>
`)
})

it.each([
  ['nothing', [], '**No resources.**'],
  ['one', ready(1), '**All well: 1 ready.**'],
  ['many', ready(1_200), '**All well: 1,200 ready.**'],
])('of %s', (_what, resources, verdict) => {
  expect(page(...resources)).toContain(`\n${verdict}\n`)
})

it('folds thousands away and stays of a size that hosts show', () => {
  const text = page(
    ...ready(9_000),
    ...Array.from({ length: 1_000 }, (_, index) => stalled(`bad${index}`, { message: 'm'.repeat(2_000) })),
  )
  expect(text).toContain('**1,000 of 10,000 resources not ready: 1,000 stalled, 9,000 ready.**')
  expect(text).toContain('<details><summary>9,000 ready</summary>')
  expect(text).toContain('… and 700 more.')
  expect(text).toContain('… and 8,000 more.')
  expect(text.indexOf('/bad0]')).toBeLessThan(text.indexOf('/s00000]'))
  expect(Buffer.byteLength(text)).toBeLessThan(400_000)
})

it('lets nothing that is said become markup', () => {
  const nasty = 'a | b\n| c | <script>alert(1)</script> [x](http://y) `code` **bold** @ada #1 \u0007\\'
  const text = page(stalled('a', { message: nasty, table: 'odd`|table' }))
  const row = text.split('\n').find((line) => line.includes('SecretMissing'))
  expect(row).toBe(
    '| **stalled** | [SourceDefinition/a](status/SourceDefinition/a.yaml) | `` odd`\\|table `` | 1 | 2026-01-02 09:30 | ' +
      '`SecretMissing` a \\| b \\| c \\| &lt;script&gt;alert(1)&lt;/script&gt; \\[x\\](http://y) \\`code\\` \\*\\*bold\\*\\* \\@ada \\#1 \\\\ |',
  )
})
