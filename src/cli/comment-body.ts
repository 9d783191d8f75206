import { HermesError } from '../errors.ts'
import { applyCommand } from '../reconcile/describe-plan.ts'
import type { Plan } from '../reconcile/plan.ts'
import { renderMarkdown } from '../reconcile/render-markdown.ts'

/** A comment on GitHub may have 65,536 characters; others take more. */
const longest = 65_536

/**
 * A plan as the body of a comment on a pull request. Its first line is a mark that no reader sees: by it a job finds the
 * comment that it wrote before, and updates it in place. Throws `usage` for a name that would end the mark.
 */
export function commentBody(plan: Plan, name: string): string {
  if (!/^[\w. /-]{1,100}$/.test(name) || name.includes('--')) {
    const valid = 'letters, digits, ".", "/", "_" and single "-"'
    throw new HermesError('usage', `--comment-name is ${JSON.stringify(name)}: it must be of ${valid}`)
  }
  const body = `<!-- hermes plan: ${name} -->\n${renderMarkdown(plan)}`
  return Buffer.byteLength(body) <= longest ? body : cut(body, plan)
}

/** Cuts between two blocks or lines, so that nothing is left open. */
function cut(body: string, plan: Plan): string {
  const command = applyCommand(plan)
  const end = [
    '**This is not all of it:** a comment holds no more. The rest is in what `hermes plan` printed.',
    ...(command === undefined ? [] : [`Apply this plan with: \`${command}\``]),
  ].join('\n\n')
  const room = Buffer.from(body)
    .subarray(0, longest - Buffer.byteLength(end) - 3)
    .toString('utf8')
  return `${room.slice(0, lastBreak(room)).trimEnd()}\n\n${end}\n`
}

const closing = '\n</details>\n'

function lastBreak(text: string): number {
  const closed = text.lastIndexOf(closing)
  if (closed >= 0) return closed + closing.length
  const opened = text.indexOf('\n<details>')
  return opened >= 0 ? opened : text.lastIndexOf('\n')
}
