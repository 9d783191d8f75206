import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { ResourceStatus, StatusReport } from './status.ts'
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
      const status = await readStatus(path)
      if (status !== undefined) resources.push(status)
    }
  }
  await Promise.all(Array.from({ length: READERS }, read))
  resources.sort((left, right) => compare(left.kind, right.kind) || compare(left.name, right.name))
  const { time, version, revision, problems } = summary
  return { time, version, revision, resources, problems }
}

async function readSummary(path: string): Promise<StatusSummary | undefined> {
  try {
    const summary: unknown = JSON.parse(await readFile(path, 'utf8'))
    const time = (await stat(path)).mtime.toISOString()
    const empty = { time, version: '', revision: '', states: {}, problems: [] }
    return typeof summary === 'object' && summary !== null ? { ...empty, ...summary } : undefined
  } catch {
    return undefined
  }
}

async function readStatus(path: string): Promise<ResourceStatus | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
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
