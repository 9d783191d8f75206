import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../architecture.ts'

/** Commands of a page, and what the page says they print. */
export interface Step {
  readonly line: number
  readonly commands: string
  readonly expected: readonly string[]
}

const fence = /^```(\w*)\n([\s\S]*?)^```$/gm

/** Every `sh` block of a page in order; a `text` block right behind one is what it prints. */
export function stepsOf(page: string): Step[] {
  const text = readFileSync(join(root, page), 'utf8')
  const steps: (Step & { readonly end: number })[] = []
  for (const match of text.matchAll(fence)) {
    const [whole, language, body = ''] = match
    const before = steps.at(-1)
    if (language === 'sh') {
      const line = text.slice(0, match.index).split('\n').length
      steps.push({ line, commands: body, expected: [], end: match.index + whole.length })
    } else if (language === 'text' && before !== undefined && /^\n+$/.test(text.slice(before.end, match.index))) {
      steps[steps.length - 1] = { ...before, expected: body.split('\n').filter((line) => line.trim() !== '') }
    }
  }
  return steps
}

const time =
  /\b(?:in )?\d+(?:\.\d+)?(?: ?ms| s|[smhd])(?: \d+[smh])?(?: ago)?(?![\w/])|\bnow\b|\b\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?/g

/** What stays the same from run to run: one space between words, no times, no days, no hashes. */
function steady(line: string): string {
  return line
    .replaceAll(time, '<time>')
    .replaceAll(/\b[0-9a-f]{7,64}\b/g, '<hash>')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** The expected lines that the output does not have, in their order; `…` stands for anything. */
export function missing(expected: readonly string[], output: string): string[] {
  const lines = output.split('\n').map(steady)
  let from = 0
  return expected.filter((each) => {
    const parts = steady(each)
      .split('…')
      .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    const pattern = new RegExp(`^${parts.join('.*')}$`)
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line))
    if (at < 0) return true
    from = at + 1
    return false
  })
}
