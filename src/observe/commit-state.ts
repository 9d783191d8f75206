import { placeOf } from '../place.ts'
import type { ResourceState, ResourceStatus, StatusReport } from './status.ts'

/** What a commit's status at a Git host says. */
export interface CommitState {
  /** `superseded`: another commit came into force before this one was settled; it never will be. */
  readonly state: 'pending' | 'success' | 'failure' | 'superseded'
  /** At most 140 characters: GitHub takes no more. */
  readonly description: string
}

const LONGEST = 140

/**
 * Failure while something waits for a person (stalled, blocked, a problem in a manifest), success once everything is as
 * the commit says, which what it suspends is too, pending in between. The description does not change with every step
 * on the way: each change is a request, and GitHub takes a thousand of them for a commit. Pure.
 */
export function commitState(report: StatusReport): CommitState {
  const wrong = findings(report)
  if (wrong.length > 0) return { state: 'failure', description: shortened(wrong.join(', ')) }
  const open = report.resources.filter(({ state }) => state !== 'ready' && state !== 'suspended')
  if (open.length > 0) return { state: 'pending', description: shortened(openText(report, open)) }
  return { state: 'success', description: successText(report) }
}

/** What a commit that was pending is left with once the commit of this id is in force. Pure. */
export function supersededBy(sha: string): CommitState {
  return { state: 'superseded', description: `superseded by ${sha.slice(0, 7)}` }
}

/** How many of each, and the first by name. */
function findings({ resources, problems }: StatusReport): readonly string[] {
  const [problem] = problems
  return [
    ...inState(resources, 'blocked'),
    ...inState(resources, 'stalled'),
    ...(problem === undefined
      ? []
      : [`${counted(problems.length, 'problem')} (${problem.code} at ${placeOf(problem.at)})`]),
  ]
}

function inState(resources: readonly ResourceStatus[], state: ResourceState): readonly string[] {
  const found = resources.filter((resource) => resource.state === state)
  const [first] = found
  return first === undefined ? [] : [`${found.length} ${state} (${first.kind}/${first.name})`]
}

function openText({ resources }: StatusReport, open: readonly ResourceStatus[]): string {
  const text = `${counted(resources.length, 'resource')}, not all ready yet`
  return [text, ...inState(open, 'retrying'), ...inState(open, 'waiting')].join(', ')
}

function successText({ resources }: StatusReport): string {
  const suspended = resources.filter(({ state }) => state === 'suspended').length
  return `${resources.length - suspended} ready${suspended === 0 ? '' : `, ${suspended} suspended`}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function shortened(text: string): string {
  const characters = Array.from(text)
  return characters.length <= LONGEST ? text : `${characters.slice(0, LONGEST - 1).join('')}…`
}
