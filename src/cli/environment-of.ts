import type { WriteStream } from 'node:tty'
import type { EnvironmentVariables } from '../config.ts'
import type { Environment, Output } from './environment.ts'

const COLUMNS_IN_A_PIPE = 120
const ONE_PRESS_MS = 100

/** The environment that a process is. A reader that goes away (`| head`) ends it quietly. */
export function environmentOf(running: NodeJS.Process): Environment {
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      running.exit(running.exitCode)
    })
  }
  return {
    argv: running.argv.slice(2),
    variables: running.env,
    cwd: running.cwd(),
    stdin: running.stdin,
    stdout: outputOf(running.stdout, running.env),
    stderr: outputOf(running.stderr, running.env),
    exitWith: (code) => {
      running.exitCode = code
    },
    exitNow: (code) => running.exit(code),
    onSignal: (handler) => {
      const each = oncePerPress(handler)
      running.on('SIGINT', each).on('SIGTERM', each)
      return { [Symbol.dispose]: () => void running.off('SIGINT', each).off('SIGTERM', each) }
    },
  }
}

/** npm passes a terminal's Ctrl-C on to a process that the terminal has told already: that is one press, not two. */
function oncePerPress(handler: () => void): () => void {
  let last = Number.NEGATIVE_INFINITY
  return () => {
    const since = performance.now() - last
    last = performance.now()
    if (since > ONE_PRESS_MS) handler()
  }
}

function outputOf(stream: WriteStream, variables: EnvironmentVariables): Output {
  // A stream that is no terminal has no isTTY at all, whatever its type says.
  const isTerminal = 'isTTY' in stream && stream.isTTY
  const refused = variables.NO_COLOR !== undefined && variables.NO_COLOR !== ''
  return {
    write: (text) => void stream.write(text),
    isTerminal,
    get columns() {
      return stream.columns ?? COLUMNS_IN_A_PIPE
    },
    colours: isTerminal && !refused && variables.TERM !== 'dumb',
  }
}
