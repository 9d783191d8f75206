import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { Environment } from './environment.ts'

/** What a verb is called with. */
export interface Invocation {
  readonly environment: Environment
  /** Arguments by position; a variadic one is spread over the end. */
  readonly args: readonly string[]
  /** Its own options, by camel-cased name. */
  readonly options: Readonly<Record<string, unknown>>
  /** The settings; read when first asked for. Throws `setting_invalid`. */
  readonly config: () => Config
}

/** A verb as the help lists it, loaded when it is called. */
export interface VerbEntry {
  readonly summary: string
  load(): Promise<Verb>
}

/** One command of the command line. */
export interface Verb {
  /** Adds arguments and options to the command of this verb. */
  define(command: Command): void
  /** Examples for its help, each with a word on what it does. */
  readonly examples: readonly (readonly [command: string, meaning: string])[]
  /** Resolves to the exit code; 0 when to nothing. Throws HermesErrors. */
  run(invocation: Invocation): Promise<number | void>
}
