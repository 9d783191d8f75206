import type { Problem } from '../manifest/manifest.ts'
import type { Output } from './environment.ts'
import { painter, type Style } from './paint.ts'
import { placeText } from './place-text.ts'

/** `file:line:column: code message`, and the fix below it. `root` is the directory that places are relative to. */
export function problemText(problem: Problem, output: Output, root: string, style: Style = 'red'): string {
  const paint = painter(output)
  const path = problem.path === undefined ? '' : ` ${problem.path}:`
  const place = paint('bold', placeText(problem.at, root))
  return `${place}:${path} ${paint(style, problem.code)} ${problem.message}\n  ${paint('cyan', 'fix')}: ${problem.fix}\n`
}
