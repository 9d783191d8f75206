import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { ResourceStatus, StatusReport } from './status.ts'
import { BRANCH_DIR, BRANCH_SUMMARY } from './status-change.ts'
import { hashOfStatusFile } from './status-file.ts'
import type { StatusSummary } from './status-summary.ts'
import { statusFiles } from './write-back.ts'

const READERS = 16

/**
 * The report that was written back into `dir`, its `time` being that of the last change; undefined when nothing was.
 * Files that cannot be read or are not of the write-back are passed over.
 */
export async function readBack(dir: string): Promise<StatusReport | undefined> {
  const summary = await readSummary(join(dir, 'status.json'))
  if (summary === undefined) return undefined
  const paths = (await statusFiles(dir)).values()
  const resources: ResourceStatus[] = []
  const read = async () => {
    for (const path of paths) {
      const status = parseStatus(await readFile(path, 'utf8').catch(() => ''))
      if (status !== undefined) resources.push(status)
    }
  }
  await Promise.all(Array.from({ length: READERS }, read))
  return reportFrom(summary, resources)
}

/** The same from the files of a status branch. */
export function readBranch(files: ReadonlyMap<string, Uint8Array>): StatusReport | undefined {
  const texts = [...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('utf8')] as const)
  const [, text] = texts.find(([path]) => path === BRANCH_SUMMARY) ?? []
  const summary = text === undefined ? undefined : parseSummary(text, '')
  if (summary === undefined) return undefined
  const resources = texts.flatMap(([path, each]) =>
    path.startsWith(`${BRANCH_DIR}/`) ? (parseStatus(each) ?? []) : [],
  )
  return reportFrom(summary, resources)
}

function reportFrom(summary: StatusSummary, resources: readonly ResourceStatus[]): StatusReport {
  const { time, version, revision, problems, root } = summary
  const sorted = resources.toSorted((left, right) => compare(left.kind, right.kind) || compare(left.name, right.name))
  return { time, version, revision, resources: sorted, problems, ...(root === undefined ? {} : { root }) }
}

async function readSummary(path: string): Promise<StatusSummary | undefined> {
  try {
    return parseSummary(await readFile(path, 'utf8'), (await stat(path)).mtime.toISOString())
  } catch {
    return undefined
  }
}

/** `time` is for a summary that says none. */
function parseSummary(text: string, time: string): StatusSummary | undefined {
  try {
    const summary: unknown = JSON.parse(text)
    const empty = { time, version: '', revision: '', states: {}, problems: [] }
    return typeof summary === 'object' && summary !== null ? { ...empty, ...summary } : undefined
  } catch {
    return undefined
  }
}

function parseStatus(text: string): ResourceStatus | undefined {
  if (hashOfStatusFile(text) === undefined) return undefined
  try {
    const status: unknown = parse(text)
    const known = typeof status === 'object' && status !== null && 'kind' in status && 'state' in status
    return known ? (status as ResourceStatus) : undefined
  } catch {
    return undefined
  }
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
