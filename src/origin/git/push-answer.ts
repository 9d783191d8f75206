import { HermesError } from '../../errors.ts'
import type { GitAnswer } from './git-command.ts'
import { gitFailure } from './git-failure.ts'

/** What a server says when somebody else was faster than this push. */
const raced =
  /\[remote rejected\].*\((?:failed to update ref|cannot lock ref|incorrect old value|reference already exists|shallow update)/

/**
 * What `git push --porcelain` of one branch came to: true when it is there, false when the branch has moved meanwhile.
 * Throws `git_push_refused` when the other side does not take it, or why it could not be asked.
 */
export function judgePush(branch: string, answer: GitAnswer): boolean {
  if (answer.code === 0) return true
  const line = answer.stdout
    .toString('utf8')
    .split('\n')
    .find((each) => each.startsWith('!\t'))
  if (line === undefined) throw withoutAnswer(branch, answer)
  if (line.includes('\t[rejected]') || raced.test(line)) return false
  const reason = [/\(([^)]*)\)$/.exec(line)?.[1], saidBy(answer)].filter((each) => each !== undefined).join(': ')
  throw new HermesError('git_push_refused', `push ${branch}: ${reason.slice(0, 300)}`)
}

/** Whoever could read just now and is denied lacks the right to write: `ERROR:` is how hosts say so over ssh. */
function withoutAnswer(branch: string, answer: GitAnswer): HermesError {
  const failure = gitFailure(`push ${branch}`, answer)
  if (failure.code !== 'git_unauthorized' && !/^ERROR: /m.test(answer.stderr)) return failure
  const said = saidBy(answer)
  return new HermesError(
    'git_push_refused',
    said === undefined ? failure.message : `push ${branch}: ${said}`.slice(0, 300),
  )
}

/** What the server had to say, without how far it is. */
function saidBy({ stderr }: GitAnswer): string | undefined {
  const lines = stderr.split(/[\r\n]+/).flatMap((line) => /^(?:remote|ERROR):\s*(\S.*)$/.exec(line)?.[1]?.trim() ?? [])
  return lines.find((line) => !/\d%|^(?:Resolving|Checking|Counting|Compressing)\b/.test(line))
}
