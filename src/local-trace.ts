import { HermesError } from './errors.ts'
import { didYouMean } from './manifest/suggest.ts'
import type { Origin } from './origin/origin.ts'
import type { CommitView, ResourceStatus, StatusReport, Trace, TracedSource } from './service/api.ts'

/** Where the rows of a table come from: source, place, revision, commit. Throws `not_found`. */
export async function traceTable(given: string, report: StatusReport, origin: Origin): Promise<Trace> {
  const table = given.replace(/^Table\//, '')
  const sources = report.resources.filter((each) => each.table === table)
  if (sources.length === 0) {
    const tables = report.resources.flatMap((each) => each.table ?? [])
    throw new HermesError('not_found', `no source fills a table ${table}${didYouMean(table, [...new Set(tables)])}`)
  }
  const commits = await commitsOf(sources, origin)
  return { table, sources: sources.map((source) => traced(source, commits)) }
}

/** Whatever cannot be told is left out: the revision stands for itself. */
async function commitsOf(sources: readonly ResourceStatus[], origin: Origin): Promise<ReadonlyMap<string, CommitView>> {
  const revisions = [...new Set(sources.map(({ revision }) => revision))]
  const asking = origin.commitsOf?.(revisions, AbortSignal.timeout(PATIENCE_MS))
  return (await asking?.catch(() => undefined)) ?? new Map()
}

/** A server that is slow must not keep what is known without it. */
const PATIENCE_MS = 15_000

function traced(source: ResourceStatus, commits: ReadonlyMap<string, CommitView>): TracedSource {
  const { name, state, connection, rows, lastRunAt, at, revision } = source
  const commit = commits.get(revision)
  return {
    name,
    state,
    ...(connection === undefined ? {} : { connection }),
    ...(rows === undefined ? {} : { rows }),
    ...(lastRunAt === undefined ? {} : { lastRunAt }),
    at,
    revision,
    ...(commit === undefined ? {} : { commit }),
  }
}
