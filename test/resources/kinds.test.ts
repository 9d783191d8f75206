import { describe, expect, it } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { withTables } from '../../src/resources/table-spec.ts'

const read = manifestReader(kinds)

/** The codes and paths of what is wrong with a source's spec, given as YAML in one line. */
function problemsOf(spec: string): string[] {
  const text = `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: a }\nspec: ${spec}\n`
  return read(Buffer.from(text), 'a.yaml').problems.map(({ code, path }) => `${code} ${path}`)
}

const http = 'http: { url: "https://example.com", incremental: { column: at, parameter: since } }'

/** What sources with these specs want of the table that they share. */
function tableOf(...specs: readonly string[]): unknown {
  const manifests = specs.flatMap((spec, index) => {
    const text = `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: s${index} }\nspec: ${spec}\n`
    return read(Buffer.from(text), `s${index}.yaml`).manifests
  })
  return withTables(manifests).find(({ kind }) => kind === 'Table')?.spec
}

function filling(more: string): string {
  return `{ file: { path: a.csv }, table: { name: t }${more} }`
}

describe('the table of several sources', () => {
  const night = { cron: '0 1 * * *', duration: '1h' }

  it('may change while one of them may and none is denied to, and has the highest of their priorities', () => {
    const allowed = filling(`, priority: -3, syncWindow: { allow: [${JSON.stringify(night)}] }`)
    const denied = filling(`, priority: -7, syncWindow: { deny: [${JSON.stringify(night)}] }`)
    expect(tableOf(allowed)).toMatchObject({ syncWindow: { allow: [night] }, priority: -3 })
    expect(tableOf(allowed, denied)).toMatchObject({ syncWindow: { deny: [night] }, priority: -3 })
    expect(tableOf(allowed, filling(''))).not.toHaveProperty('syncWindow')
    expect(tableOf(allowed, filling(''))).not.toHaveProperty('priority')
  })
})

describe('what a schema cannot say of a source', () => {
  it.each([
    ['{ file: { path: a.csv }, schedule: { cron: "* * * *" } }', 'invalid_cron spec.schedule.cron'],
    ['{ file: { path: a.csv }, schedule: { every: 1m, timezone: UTC } }', 'unknown_field spec.schedule.timezone'],
    [
      '{ file: { path: a.csv }, syncWindow: { deny: [{ cron: "61 * * * *", duration: 1h }] } }',
      'invalid_cron spec.syncWindow.deny[0].cron',
    ],
    [
      '{ file: { path: a.csv }, syncWindow: { allow: [{ cron: "0 1 * * *", duration: 1h, timezone: Mars }] } }',
      'invalid_cron spec.syncWindow.allow[0].cron',
    ],
    [
      '{ file: { path: a.csv }, syncWindow: { allow: [{ cron: "0 1 * * *", duration: 0s }] } }',
      'invalid_value spec.syncWindow.allow[0].duration',
    ],
    ['{ file: { path: a.csv }, syncWindow: {} }', 'invalid_value spec.syncWindow'],
    ['{ file: { path: a.csv }, priority: 1.5 }', 'invalid_value spec.priority'],
    ['{ file: { path: a.csv }, table: { write: merge } }', 'missing_field spec.table'],
    ['{ file: { path: a.csv }, table: { evolve: freeze } }', 'missing_field spec.table'],
    ['{ file: { path: a.csv }, table: { columns: { a: text, A: text } } }', 'invalid_value spec.table.columns.A'],
    [`{ ${http}, table: { columns: { at: json } } }`, 'invalid_value spec.http.incremental.column'],
    [`{ ${http}, table: { write: replace } }`, 'invalid_value spec.http.incremental.column'],
    [`{ ${http}, table: { evolve: freeze, columns: { id: bigint } } }`, 'cursor_missing spec.http.incremental.column'],
  ])('%s: %s', (spec, problem) => expect(problemsOf(spec)).toEqual([problem]))

  it.each([
    `{ file: { path: a.csv }, priority: -5, syncWindow: { deny: [{ cron: "0 1 * * *", duration: 1h }] } }`,
    `{ ${http} }`,
    `{ ${http}, table: { evolve: freeze, columns: { at: timestamptz } } }`,
  ])('%s: fine', (spec) => expect(problemsOf(spec)).toEqual([]))
})
