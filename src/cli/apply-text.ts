import { opensText } from '../manifest/sync-window.ts'
import type { ApplyReport } from '../service/api.ts'
import { counted, formatCount, printable } from './display.ts'
import type { Output } from './environment.ts'
import { painter } from './paint.ts'
import { problemText } from './problem-text.ts'
import { runText } from './run-text.ts'

const words = {
  create: ['+', 'green', 'created'],
  change: ['~', 'yellow', 'changed'],
  remove: ['-', 'red', 'removed'],
} as const

/** What an apply came to, a line for each thing that happened or did not, and a summary. */
export function applyText(report: ApplyReport, output: Output, root: string): string {
  const paint = painter(output)
  const { applied, blocked, waiting, failed, problems, runs } = report
  const lines = [
    ...problems.map((problem) => problemText(problem, output, root)),
    ...applied.map(({ key, action, steps }) => {
      const [symbol, style, word] = words[action]
      return `${paint(style, symbol)} ${key} ${word}${steps === 0 ? '' : ` (${counted(steps, 'step', true)})`}\n`
    }),
    ...blocked.map(({ key, approval, message }) => {
      return `${paint('magenta', '!')} ${key} is blocked: ${message}\n  ${paint('cyan', 'fix')}: look at \`hermes plan\`, then \`hermes approve ${approval}\`\n`
    }),
    ...waiting.map(({ key, on, opensAt }) => {
      const what = on ?? `its window, which ${opensText(opensAt ?? '')}`
      return `${paint('dim', '.')} ${key} waits for ${what}\n`
    }),
    ...failed.map(({ key, code, message, fix }) => {
      const hint = fix === '' ? '' : `  ${paint('cyan', 'fix')}: ${fix}\n`
      return `${paint('red', 'x')} ${key} ${paint('red', code)}: ${printable(message)}\n${hint}`
    }),
    ...runs.map((run) => runText(run, output)),
    summary(report, output),
  ]
  return lines.join('')
}

function summary({ applied, unchanged, blocked, failed, runs }: ApplyReport, output: Output): string {
  const count = (value: number) => formatCount(value, output.isTerminal)
  const rows = runs.reduce((sum, run) => sum + run.rows, 0)
  const laps = `applied ${count(applied.length)}, unchanged ${count(unchanged)}, blocked ${count(blocked.length)}, failed ${count(failed.length)}`
  const { isTerminal } = output
  return `${laps}; fetched ${counted(runs.length, 'source', isTerminal)}, ${counted(rows, 'row', isTerminal)}\n`
}
