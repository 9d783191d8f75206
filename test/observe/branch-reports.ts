import type { ResourceStatus, StatusReport } from '../../src/observe/status.ts'

const REVISION = 'main@sha1:1111111111111111111111111111111111111111'

/** A source that is well, but for what is said otherwise. */
export function status(name: string, change: Partial<ResourceStatus> = {}): ResourceStatus {
  return {
    kind: 'SourceDefinition',
    name,
    state: 'ready',
    reason: 'Fetched',
    message: 'It is fetched on schedule.',
    revision: REVISION,
    at: { file: 'a.yaml', line: 1, column: 1 },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Fetched', message: 'It is fetched on schedule.' }],
    table: 'prices',
    rows: 1,
    lastRunAt: '2026-01-02T09:30:00.000Z',
    ...change,
  }
}

/** A source whose secret is missing. */
export function stalled(name: string, change: Partial<ResourceStatus> = {}): ResourceStatus {
  const message = 'The secret TOKEN has no value.'
  return status(name, { state: 'stalled', reason: 'SecretMissing', message, ...change })
}

export function report(...resources: readonly ResourceStatus[]): StatusReport {
  return { time: '2026-01-02T10:00:00.000Z', version: '1.2.3', revision: REVISION, resources, problems: [] }
}
