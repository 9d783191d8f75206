import type { ResourceStatus, StatusProblem, StatusReport } from '../../src/observe/status.ts'

function resource(name: string, state: ResourceStatus['state']): ResourceStatus {
  const at = { file: `${name}.yaml`, line: 1, column: 1 }
  const rest = { reason: 'Any', message: 'Any.', revision: '', conditions: [] }
  return { kind: 'SourceDefinition', name, state, at, ...rest }
}

export function problem(file: string): StatusProblem {
  return { code: 'unknown_field', message: 'no such field', at: { file, line: 3, column: 1 }, fix: '' }
}

/** A report on resources `s0`, `s1`, … in these states. */
export function report(
  states: readonly ResourceStatus['state'][],
  problems: readonly StatusProblem[] = [],
): StatusReport {
  const resources = states.map((state, index) => resource(`s${index}`, state))
  return { time: '', version: '', revision: 'main@sha1:0', resources, problems }
}

export const pending = report(['ready', 'progressing'])
export const success = report(['ready', 'ready'])
export const failure = report(['ready', 'stalled'])
