import type { StatusProblem, StatusReport } from './status.ts'

/** `status.json`: everything of a report but its resources, which have files of their own. */
export interface StatusSummary {
  /** When something last changed. */
  readonly time: string
  readonly version: string
  readonly revision: string
  /** How many resources are in each state. */
  readonly states: Readonly<Record<string, number>>
  readonly problems: readonly StatusProblem[]
  /** The directory in the repository that places are relative to. */
  readonly root?: string
  /** On a branch: which service writes there. */
  readonly service?: string
}

export function summarise(report: StatusReport): StatusSummary {
  const states: Record<string, number> = {}
  for (const { state } of report.resources) states[state] = (states[state] ?? 0) + 1
  const { time, version, revision, problems, root } = report
  return { time, version, revision, states, problems, ...(root === undefined ? {} : { root }) }
}

/** The text of `status.json`. */
export function formatSummary(summary: StatusSummary): string {
  return `${JSON.stringify(summary, undefined, 2)}\n`
}
