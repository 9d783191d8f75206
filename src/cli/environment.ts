import type { Readable } from 'node:stream'
import type { EnvironmentVariables } from '../config.ts'

/** A stream that a person or a program reads. */
export interface Output {
  write(text: string): void
  readonly isTerminal: boolean
  /** Columns of the terminal; a generous number where there is none. */
  readonly columns: number
  /** Whether colours are welcome: on a terminal, without NO_COLOR. */
  readonly colours: boolean
}

/** The process around a command; only the bins make one of the real thing. */
export interface Environment {
  /** What follows the command's name. */
  readonly argv: readonly string[]
  readonly variables: EnvironmentVariables
  readonly cwd: string
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
  /** The code the process exits with once nothing is left to do. */
  exitWith(code: number): void
  /** Ends the process at once. */
  exitNow(code: number): void
  /** Calls `handler` for SIGINT and SIGTERM instead of ending the process, until disposed. */
  onSignal(handler: () => void): Disposable
}

/** What an exit code means, for every command. */
export const exitCodes = { done: 0, failed: 1, changes: 2, attention: 3, usage: 64, interrupted: 130 } as const
