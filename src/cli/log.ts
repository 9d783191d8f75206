import { type Logger, pino } from 'pino'
import type { LogFormat, LogLevel } from '../config.ts'
import type { Output } from './environment.ts'

/** Structured logging whose lines are masked before anybody sees them. */
export type CliLog = Logger & {
  /** `mask` takes the values of secrets out of every line from now on. */
  maskWith(mask: (text: string) => string): void
}

export interface LogOptions {
  readonly level: LogLevel
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: LogFormat
  readonly output: Output
}

export async function openLog({ level, format, output }: LogOptions): Promise<CliLog> {
  let mask: (text: string) => string = String
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => mask(line) },
  }
  const pretty = format === 'pretty' || (format === 'auto' && output.isTerminal)
  const write = pretty ? await prettyWriter(output) : (line: string) => output.write(line)
  return Object.assign(pino(options, { write }), {
    maskWith: (next: (text: string) => string) => {
      mask = next
    },
  })
}

async function prettyWriter(output: Output): Promise<(line: string) => void> {
  const { prettyFactory } = await import('pino-pretty')
  const format = prettyFactory({ colorize: output.colours, translateTime: 'SYS:HH:MM:ss', singleLine: true })
  return (line) => output.write(format(line) ?? line)
}
