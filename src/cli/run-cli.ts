import { Command, CommanderError, Option } from 'commander'
import { type Config, type Flags, readConfig, type Setting, type SettingName, settings } from '../config.ts'
import { HermesError } from '../errors.ts'
import { type Environment, exitCodes } from './environment.ts'
import { errorText } from './error-text.ts'
import { placesRoot } from './place-text.ts'
import type { Verb } from './verb.ts'
import { verbs } from './verbs.ts'
import { version } from './version.ts'

/** Runs the `hermes` command line and sets the exit code. Never throws. */
export function runCli(environment: Environment): Promise<void> {
  return runProgram(environment, (invoke) => {
    const program = newProgram('hermes', 'GitOps for data: commit manifests, and sources, tables and pipelines follow.')
    for (const [name, { summary }] of Object.entries(verbs)) program.command(name).description(summary)
    program.command(COMPLETE, { hidden: true })
    program.hook('preSubcommand', async (_program, command) => {
      attach(command, await loadVerb(command.name()), invoke)
    })
    return program
  })
}

/** What the completion scripts call. */
const COMPLETE = '__complete'

async function loadVerb(name: string): Promise<Verb> {
  const entry = verbs[name]
  if (entry !== undefined) return entry.load()
  const { completeVerb } = await import('./verbs/complete.ts')
  return completeVerb(verbs)
}

/** Runs a program that is a single verb, as `hermes-status` is. Never throws. */
export function runVerb(environment: Environment, verb: Verb, about: { name: string; summary: string }): Promise<void> {
  return runProgram(environment, (invoke) => {
    const program = newProgram(about.name, about.summary)
    attach(program, verb, invoke)
    return program
  })
}

type Invoke = (command: Command, verb: Verb, args: readonly string[]) => Promise<void>

async function runProgram(environment: Environment, build: (invoke: Invoke) => Command): Promise<void> {
  let config: Config | undefined
  const invoke: Invoke = async (command, verb, args) => {
    const read = () => (config ??= readConfig(flagsOf(command), environment.variables, environment.cwd))
    const code = await verb.run({ environment, args, options: command.opts(), config: read })
    environment.exitWith(code ?? exitCodes.done)
  }
  const program = build(invoke)
  route(program, environment)
  try {
    const argv = program.commands.length > 0 ? withHelp(environment.argv) : environment.argv
    await program.parseAsync(argv, { from: 'user' })
  } catch (thrown) {
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown
    if (error === undefined) return
    const root = config === undefined ? undefined : placesRoot(config, environment.cwd)
    environment.stderr.write(errorText(error, environment.stderr, root))
    environment.exitWith(exitCodeOf(error))
  }
}

/** Nothing asks for help, and so does `help VERB`; commander's own help command would not load the verb first. */
function withHelp(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv
  return first === undefined || first === 'help' ? [...rest.slice(0, 1), '--help'] : argv
}

function newProgram(name: string, summary: string): Command {
  const program = new Command(name).description(summary).version(version(), '-V, --version')
  for (const { flag, variable, argument, summary: meaning, group } of Object.values<Setting>(settings)) {
    const option = new Option(`${flag}${argument === undefined ? '' : ` <${argument}>`}`, `${meaning} [${variable}]`)
    program.addOption(group === undefined ? option : option.helpGroup(group))
  }
  return program.configureHelp({ showGlobalOptions: true, sortSubcommands: false }).showSuggestionAfterError(true)
}

function attach(command: Command, verb: Verb, invoke: Invoke): void {
  verb.define(command)
  command.addHelpText('after', () => examplesText(verb.examples))
  command.action(() => invoke(command, verb, command.args))
}

function examplesText(examples: Verb['examples']): string {
  const widest = Math.max(0, ...examples.map(([example]) => example.length))
  const lines = examples.map(([example, meaning]) => `  ${example.padEnd(widest)}  # ${meaning}`)
  return ['', 'Examples:', ...lines].join('\n')
}

/** Sends what commander prints to the environment, and has it throw instead of ending the process. */
function route(program: Command, environment: Environment): void {
  for (const command of [program, ...program.commands]) {
    command.exitOverride()
    command.configureOutput({
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => environment.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(environment.stdout.columns, 120),
      getOutHasColors: () => environment.stdout.colours,
    })
  }
}

function flagsOf(command: Command): Flags {
  const all = command.optsWithGlobals<Record<string, unknown>>()
  const names = Object.keys(settings) as SettingName[]
  return Object.fromEntries(
    names.flatMap((name) => {
      const given = all[name] === true ? '1' : all[name]
      return typeof given === 'string' ? [[name, given]] : []
    }),
  )
}

/** What commander refuses, as our own error; undefined for what it printed because it was asked to. */
function usageError(error: CommanderError): HermesError | undefined {
  if (error.exitCode === 0 || error.code === 'commander.help') return undefined
  const message = error.message.replace(/^error: /, '').replace(/\.?\n?\((Did you mean .*)\)$/s, '; $1')
  return new HermesError('usage', message)
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof HermesError)) return exitCodes.failed
  if (error.code === 'usage') return exitCodes.usage
  if (error.code === 'plan_stale') return exitCodes.attention
  return error.code === 'interrupted' ? exitCodes.interrupted : exitCodes.failed
}
