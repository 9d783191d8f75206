import { Option } from 'commander'
import type { Config } from '../../config.ts'
import { HermesError } from '../../errors.ts'
import { parseDuration } from '../../manifest/duration.ts'
import { type Environment, exitCodes } from '../environment.ts'
import { painter } from '../paint.ts'
import { shownPath } from '../place-text.ts'
import { withHermes } from '../reach.ts'
import type { Verb } from '../verb.ts'

const DRAIN = '20s'
/** After giving up, what still runs has so long to end by itself. */
const ABORT_MS = 3_000
/** And when all has ended, the process so long. */
const EXIT_MS = 1_000

/** `hermes serve`: runs until SIGTERM or SIGINT, then drains and exits 0; 1 when that took too long. */
export const serve: Verb = {
  define: (command) =>
    command.addOption(new Option('--drain <DURATION>', 'how long runs may take to end when it stops').default(DRAIN)),
  examples: [
    ['hermes serve', 'watch ./manifests, keep everything in ./.hermes'],
    ['hermes serve --database postgres://hermes@db/data', 'fill PostgreSQL'],
    ['hermes serve --git https://git.example.com/data.git --path manifests', 'follow a Git repository'],
    ['hermes serve --http :8080', 'the API on http://127.0.0.1:8080 too'],
  ],
  run: async ({ environment, options, config }) => {
    const settings = config()
    const drainMs = parseDuration(String(options.drain))
    if (drainMs === undefined)
      throw new HermesError('usage', `--drain is ${String(options.drain)}: it must be a duration`)
    const stop = new AbortController()
    const abort = new AbortController()
    using ending = endOnSignals(environment, { stop, abort }, drainMs)
    await withHermes({ config: settings, environment, logLevel: 'info' }, (hermes) =>
      hermes.serve({ stop: stop.signal, abort: abort.signal }, ({ http }) =>
        greet({ ...settings, ...(http === undefined ? {} : { http }) }, environment),
      ),
    ).catch((error: unknown) => {
      if (!abort.signal.aborted) throw error
    })
    const code = ending.gaveUp() ? exitCodes.failed : exitCodes.done
    // Everything is closed. What the system still holds is nobody's: an answer, or a reader of its output, that never comes.
    setTimeout(() => environment.exitNow(code), EXIT_MS).unref()
    return code
  },
}

/** The first signal drains, at most for `drainMs`; a second one, or the end of that time, gives up. */
function endOnSignals(
  environment: Environment,
  { stop, abort }: { stop: AbortController; abort: AbortController },
  drainMs: number,
): Disposable & { gaveUp(): boolean } {
  const timers: NodeJS.Timeout[] = []
  const giveUp = () => {
    abort.abort(new HermesError('interrupted', 'the service was stopped before its work was done'))
    timers.push(setTimeout(() => environment.exitNow(exitCodes.failed), ABORT_MS))
  }
  let ended = false
  environment.onSignal(() => {
    if (ended) return
    if (abort.signal.aborted) return environment.exitNow(exitCodes.failed)
    if (stop.signal.aborted) return giveUp()
    stop.abort(new HermesError('service_stopping', 'the service is stopping'))
    timers.push(setTimeout(giveUp, drainMs))
  })
  return {
    gaveUp: () => abort.signal.aborted,
    // It goes on listening: a late signal must not change the exit code of a process that ends anyway.
    [Symbol.dispose]: () => {
      ended = true
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

/** Where things are and what to type next, for a person. */
function greet(config: Config, { stdout, cwd }: Environment): void {
  if (!stdout.isTerminal) return
  const paint = painter(stdout)
  const database = config.database.startsWith('sqlite:')
    ? shownPath(config.database.slice('sqlite:'.length), cwd)
    : withoutPassword(config.database)
  const lines = [
    ['manifests', config.git?.url ?? shownPath(config.manifestsDir, cwd)],
    ['database', database],
    ['socket', shownPath(config.socketPath, cwd)],
    ...(config.http === undefined ? [] : [['http', `http://${config.http.host}:${config.http.port}`]]),
    ['next', paint('bold', 'hermes-status')],
  ]
  stdout.write(`${lines.map(([title = '', value]) => `${title.padEnd(10)}${value}\n`).join('')}\n`)
}

function withoutPassword(database: string): string {
  const url = new URL(database)
  url.password = ''
  url.searchParams.delete('password')
  return url.href
}
