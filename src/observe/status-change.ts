import { setImmediate as breathe } from 'node:timers/promises'
import { HermesError } from '../errors.ts'
import type { ResourceStatus, StatusReport } from './status.ts'
import { formatStatusFile, HEADER_BYTES, hashOfStatusFile } from './status-file.ts'
import { bySeverity, countsText, README_HEADER, statusReadme } from './status-readme.ts'
import { formatSummary, type StatusSummary, summarise } from './status-summary.ts'
import { type Wanted, wantedFiles } from './write-back.ts'

/** Where the files lie in the branch, as they do below `--status-dir`. */
export const BRANCH_DIR = 'status'
export const BRANCH_SUMMARY = `${BRANCH_DIR}/status.json`
const README = 'README.md'
/** Files that are formatted before others get their turn. */
const SLICE = 500

/** What a branch says already: the conditions, by path, and what is not of one resource. */
export interface KnownStatus {
  readonly hashes: ReadonlyMap<string, string>
  readonly summary: string
  /** Who writes to the branch. */
  readonly service: string
}

/** A commit that brings a branch to a report: whole files by path. */
export interface StatusCommit {
  readonly files: ReadonlyMap<string, string>
  readonly removed: readonly string[]
  readonly message: string
}

/**
 * What the files of a branch say to the service of this name. Throws `git_branch_foreign` when they are somebody else's,
 * `status_branch_taken` when they are another service's: the two would take each other's files away.
 */
export function knownStatus(files: ReadonlyMap<string, Uint8Array>, branch: string, service: string): KnownStatus {
  const hashes = new Map<string, string>()
  for (const [path, bytes] of files) {
    const hash = ownPath.test(path) ? hashOfStatusFile(beginning(bytes, HEADER_BYTES)) : undefined
    if (hash !== undefined) hashes.set(path, hash)
  }
  const page = files.get(README)
  const hasPage = page !== undefined && beginning(page, README_HEADER.length) === README_HEADER
  if (files.size > 0 && hashes.size === 0 && !hasPage) {
    throw new HermesError('git_branch_foreign', `${branch} holds files that Hermes did not write`)
  }
  const summary = readSummary(files.get(BRANCH_SUMMARY))
  const owner = summary?.service
  if (typeof owner === 'string' && owner !== service) {
    throw new HermesError('status_branch_taken', `${branch} is written by the service "${owner}", not by "${service}"`)
  }
  return { hashes, summary: hasPage && summary !== undefined ? markOf(summary) : '', service }
}

const ownPath = /^status\/[A-Za-z]+\/[\w.-]+\.yaml$/

/** The commit that a report needs, and what the branch says then; undefined when it says so already. */
export async function statusCommit(
  known: KnownStatus,
  report: StatusReport,
): Promise<{ readonly commit: StatusCommit; readonly after: KnownStatus } | undefined> {
  const found = await wantedFiles(BRANCH_DIR, report.resources)
  // Git's paths have slashes on every system.
  const wanted = new Map([...found].map(([path, each]) => [path.replaceAll('\\', '/'), each]))
  const changed = [...wanted].filter(([path, { hash }]) => known.hashes.get(path) !== hash)
  const removed = [...known.hashes.keys()].filter((path) => !wanted.has(path))
  const { service } = known
  const summary = markOf({ ...report, service })
  if (changed.length + removed.length === 0 && summary === known.summary) return undefined
  const files = await formatted(changed)
  files.set(BRANCH_SUMMARY, formatSummary({ ...summarise(report), service }))
  files.set(README, statusReadme(report, BRANCH_DIR))
  const message = commitMessage(
    report,
    changed.map(([, { status }]) => status),
    removed,
  )
  const hashes = new Map([...wanted].map(([path, { hash }]) => [path, hash]))
  return { commit: { files, removed, message }, after: { hashes, summary, service } }
}

async function formatted(changed: readonly (readonly [string, Wanted])[]): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const [index, [path, { hash, status }]] of changed.entries()) {
    if (index % SLICE === SLICE - 1) await breathe()
    files.set(path, formatStatusFile(status, hash))
  }
  return files
}

/** The same for what reads the same: neither the time nor an order counts. */
function markOf({ version, revision, problems, service }: Omit<StatusSummary, 'states' | 'time'>): string {
  const each = problems.map(({ code, message, at, path }) => [at.file, at.line, at.column, path ?? '', code, message])
  return JSON.stringify([version, revision, each.map((problem) => JSON.stringify(problem)).toSorted(), service])
}

/** Undefined for what is no summary. */
function readSummary(bytes: Uint8Array | undefined): StatusSummary | undefined {
  try {
    const summary = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as StatusSummary
    markOf(summary)
    return summary
  } catch {
    return undefined
  }
}

function beginning(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.subarray(0, length)).toString('utf8')
}

const MOST_NAMED = 3
const MOST_LISTED = 50

/** What changed, in a line; then each with its reason. */
function commitMessage(report: StatusReport, changed: readonly ResourceStatus[], removed: readonly string[]): string {
  const sorted = changed.toSorted(bySeverity)
  const gone = removed.map((path) => path.slice(BRANCH_DIR.length + 1, -'.yaml'.length))
  const named = [
    ...sorted.map(({ kind, name, state }) => `${kind}/${name} ${state}`),
    ...gone.map((key) => `${key} removed`),
  ]
  const listed = sorted.map(({ kind, name, state, reason }) => `${kind}/${name} ${state}: ${reason}`)
  const total = countsText(report.resources)
  return [
    subject(report, named),
    '',
    ...listed.slice(0, MOST_LISTED),
    ...(listed.length > MOST_LISTED ? [`… and ${listed.length - MOST_LISTED} more`] : []),
    ...(listed.length > 0 ? [''] : []),
    `Revision ${report.revision}${total === '' ? '' : `; ${total}`}.`,
    '',
  ].join('\n')
}

function subject({ revision, problems }: StatusReport, named: readonly string[]): string {
  const few = `${named.slice(0, MOST_NAMED).join(', ')}${named.length > MOST_NAMED ? ', …' : ''}`
  if (named.length > 0) return `${named.length} resource${named.length === 1 ? '' : 's'} changed: ${few}`
  const wrong =
    problems.length === 0 ? '' : `, ${problems.length} problem${problems.length === 1 ? '' : 's'} in the manifests`
  return `${revision} is in force${wrong}`
}
