import { HermesError } from './errors.ts'
import type { LocalReadParts } from './local-read.ts'
import { didYouMean } from './manifest/suggest.ts'
import type { CommitView, ResourceStatus, StatusReport, Trace, TracedSource } from './service/api.ts'

type TraceParts = Pick<LocalReadParts, 'origin' | 'stopping'>

/** Where the rows of a table come from: source, place, revision, commit. Throws `not_found`. */
export async function traceTable(given: string, report: StatusReport, parts: TraceParts): Promise<Trace> {
  const table = given.replace(/^Table\//, '')
  const sources = report.resources.filter((each) => each.table === table)
  if (sources.length === 0) {
    const tables = report.resources.flatMap((each) => each.table ?? [])
    throw new HermesError('not_found', `no source fills a table ${table}${didYouMean(table, [...new Set(tables)])}`)
  }
  const commits = await commitsOf(sources, parts, report.unread === undefined ? PATIENCE_MS : SHORT_PATIENCE_MS)
  return { table, sources: sources.map((source) => traced(source, commits)) }
}

/** Whatever cannot be told is left out: the revision stands for itself. */
async function commitsOf(
  sources: readonly ResourceStatus[],
  { origin, stopping }: TraceParts,
  patienceMs: number,
): Promise<ReadonlyMap<string, CommitView>> {
  const revisions = [...new Set(sources.map(({ revision }) => revision))]
  const asking = origin.commitsOf?.(revisions, AbortSignal.any([stopping(), AbortSignal.timeout(patienceMs)]))
  return (await asking?.catch(() => undefined)) ?? new Map()
}

/** A server that is slow must not keep what is known without it. */
const PATIENCE_MS = 15_000
/** As long as it has not even sent the manifests. */
const SHORT_PATIENCE_MS = 1_000

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
