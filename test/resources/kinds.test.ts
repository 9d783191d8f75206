import { describe, expect, it } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { kinds } from '../../src/resources/kinds.ts'

const read = manifestReader(kinds)

/** The codes and paths of what is wrong with a source's spec, given as YAML in one line. */
function problemsOf(spec: string): string[] {
  const text = `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: a }\nspec: ${spec}\n`
  return read(Buffer.from(text), 'a.yaml').problems.map(({ code, path }) => `${code} ${path}`)
}

const http = 'http: { url: "https://example.com", incremental: { column: at, parameter: since } }'

describe('what a schema cannot say of a source', () => {
  it.each([
    ['{ file: { path: a.csv }, schedule: { cron: "* * * *" } }', 'invalid_cron spec.schedule.cron'],
    ['{ file: { path: a.csv }, schedule: { every: 1m, timezone: UTC } }', 'unknown_field spec.schedule.timezone'],
    ['{ file: { path: a.csv }, table: { write: merge } }', 'missing_field spec.table'],
    ['{ file: { path: a.csv }, table: { evolve: freeze } }', 'missing_field spec.table'],
    ['{ file: { path: a.csv }, table: { columns: { a: text, A: text } } }', 'invalid_value spec.table.columns.A'],
    [`{ ${http}, table: { columns: { at: json } } }`, 'invalid_value spec.http.incremental.column'],
    [`{ ${http}, table: { write: replace } }`, 'invalid_value spec.http.incremental.column'],
    [`{ ${http}, table: { evolve: freeze, columns: { id: bigint } } }`, 'cursor_missing spec.http.incremental.column'],
  ])('%s: %s', (spec, problem) => expect(problemsOf(spec)).toEqual([problem]))

  it.each([`{ ${http} }`, `{ ${http}, table: { evolve: freeze, columns: { at: timestamptz } } }`])('%s: fine', (spec) =>
    expect(problemsOf(spec)).toEqual([]),
  )
})
