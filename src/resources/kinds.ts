import { connectionSchemas, sources } from '../connectors/index.ts'
import type { ErrorCode } from '../errors.ts'
import { errorTable } from '../errors.ts'
import { checkCron } from '../manifest/cron.ts'
import { durationMs } from '../manifest/duration.ts'
import type { KindDefinition } from '../manifest/kind.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import { scopeOf } from '../manifest/scope.ts'
import { connectionSchema } from './connection.ts'
import { type SourceSpec, sourceSchema } from './source-spec.ts'
import { type SourceView, viewOf } from './source-view.ts'
import { workflowConnectors, workflowKind } from './workflow-kind.ts'

/** The kinds that people write. */
export const kinds: readonly KindDefinition[] = [
  {
    kind: 'Connection',
    plural: 'connections',
    summary: 'What several resources share: address, credentials, limits.',
    spec: connectionSchema(connectionSchemas),
    scope: () => scopeOf({}),
  },
  {
    kind: 'SourceDefinition',
    plural: 'sources',
    summary: 'One data stream into one table.',
    spec: sourceSchema(sources),
    scope: (spec) => {
      const source = (typeof spec === 'object' && spec !== null ? spec : {}) as Record<string, Record<string, unknown>>
      return scopeOf({ params: source['params'], incremental: source['http']?.['incremental'] !== undefined })
    },
    check: (manifest) => checkSource(manifest as Manifest<SourceSpec>),
  },
  workflowKind(workflowConnectors),
]

const LONGEST_TABLE_NAME = 63

/** Types whose greatest value is the same, and found by an index, on every database. */
const CURSOR_TYPES = new Set(['date', 'timestamptz', 'integer', 'bigint', 'double', 'text', 'uuid'])

/** What a schema cannot say of a SourceDefinition. */
function checkSource(manifest: Manifest<SourceSpec>): Problem[] {
  const view = viewOf(manifest)
  return [
    ...scheduleProblems(manifest),
    ...windowProblems(manifest),
    ...tableProblems(manifest, view),
    ...cursorProblems(manifest, view),
  ]
}

function scheduleProblems(manifest: Manifest<SourceSpec>): Problem[] {
  const { cron, timezone } = manifest.spec.schedule ?? {}
  if (cron === undefined) {
    return timezone === undefined
      ? []
      : [problem(manifest, 'unknown_field', 'spec.schedule.timezone', 'timezone belongs to cron')]
  }
  const wrong = checkCron(cron, timezone)
  return wrong === undefined ? [] : [problem(manifest, 'invalid_cron', 'spec.schedule.cron', wrong)]
}

function windowProblems(manifest: Manifest<SourceSpec>): Problem[] {
  const { allow = [], deny = [] } = manifest.spec.syncWindow ?? {}
  return Object.entries({ allow, deny }).flatMap(([clause, windows]) =>
    windows.flatMap(({ cron, timezone, duration }, index) => {
      const path = `spec.syncWindow.${clause}[${index}]`
      const wrong = checkCron(cron, timezone)
      return [
        ...(wrong === undefined ? [] : [problem(manifest, 'invalid_cron', `${path}.cron`, wrong)]),
        ...(durationMs(duration) > 0
          ? []
          : [problem(manifest, 'invalid_value', `${path}.duration`, 'it must be longer than 0')]),
      ]
    }),
  )
}

function tableProblems(manifest: Manifest<SourceSpec>, view: SourceView): Problem[] {
  const problems: Problem[] = []
  if (view.table.length > LONGEST_TABLE_NAME) {
    problems.push(
      problem(
        manifest,
        'missing_field',
        'spec.table',
        `the source's name is too long for a table: give spec.table.name`,
      ),
    )
  }
  if (view.write === 'merge' && view.key.length === 0) {
    problems.push(problem(manifest, 'missing_field', 'spec.table', 'write: merge needs spec.table.primaryKey'))
  }
  if (view.evolve === 'freeze' && view.columns.length === 0) {
    problems.push(problem(manifest, 'missing_field', 'spec.table', 'evolve: freeze needs spec.table.columns'))
  }
  const folded = new Map<string, string>()
  for (const { name } of view.columns) {
    const other = folded.get(name.toLowerCase())
    if (other !== undefined) {
      const message = `columns ${other} and ${name} differ in case only, which not every database tells apart`
      problems.push(problem(manifest, 'invalid_value', `spec.table.columns.${name}`, message))
    }
    folded.set(name.toLowerCase(), name)
  }
  return problems
}

function cursorProblems(manifest: Manifest<SourceSpec>, view: SourceView): Problem[] {
  const column = view.columns.find(({ name }) => name === view.cursor)
  const path = `spec.${view.connector.type}.incremental.column`
  if (column !== undefined && !CURSOR_TYPES.has(column.type.type)) {
    return [problem(manifest, 'invalid_value', path, `a ${column.type.type} column has no usable order for a cursor`)]
  }
  if (view.cursor !== undefined && column === undefined && view.evolve === 'freeze') {
    const message = `with evolve: freeze there is no column ${view.cursor} unless spec.table.columns declares it`
    return [problem(manifest, 'cursor_missing', path, message)]
  }
  if (view.cursor !== undefined && view.write === 'replace') {
    return [
      problem(
        manifest,
        'invalid_value',
        path,
        'an incremental fetch with write: replace would lose what it does not fetch again',
      ),
    ]
  }
  return []
}

function problem(manifest: Manifest, code: ErrorCode, path: string, message: string): Problem {
  return { code, message: `${path}: ${message}`, at: manifest.locate(path), path, fix: errorTable[code].fix }
}
