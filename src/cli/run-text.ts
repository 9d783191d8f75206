import type { RunResult } from '../service/api.ts'
import { counted } from './display.ts'
import type { Output } from './environment.ts'

/** What a run came to, in one line. */
export function runText({ name, table, rows, pages, seconds }: RunResult, output: Output): string {
  const count = (value: number, noun: string) => counted(value, noun, output.isTerminal)
  return `fetched ${name}: ${count(rows, 'row')} into ${table}, ${count(pages, 'page')}, ${seconds.toFixed(1)} s\n`
}
