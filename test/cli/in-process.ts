import { Readable } from 'node:stream'
import type { Environment, Output } from '../../src/cli/environment.ts'
import { runCli } from '../../src/cli/run-cli.ts'
import type { Ran } from './bin.ts'

/** The command line in this process: an environment is a parameter, and starting Node for each case takes long. */
export async function hermesInProcess(cwd: string, ...argv: readonly string[]): Promise<Ran> {
  let code = 0
  const stdout = capture()
  const stderr = capture()
  const environment: Environment = {
    argv,
    variables: {},
    cwd,
    stdin: Readable.from([]),
    stdout,
    stderr,
    exitWith: (given) => {
      code = given
    },
    exitNow: (given) => {
      throw new Error(`it ended at once with ${given}`)
    },
    onSignal: () => ({ [Symbol.dispose]: () => undefined }),
  }
  await runCli(environment)
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

function capture(): Output & { text(): string } {
  let text = ''
  return {
    write: (more) => {
      text += more
    },
    isTerminal: false,
    columns: 120,
    colours: false,
    text: () => text,
  }
}
