import { Option } from 'commander'
import type { Config } from '../config.ts'
import { HermesError } from '../errors.ts'
import { keyOf } from '../manifest/manifest.ts'
import type { StatusReport } from '../service/api.ts'
import { openClient } from '../service/client.ts'
import { relativeTime } from './display.ts'
import { type Environment, exitCodes } from './environment.ts'
import { shownPath } from './place-text.ts'
import { outputOption, print } from './print.ts'
import { ofKind, resolveKey } from './resource-name.ts'
import { statusText } from './status-text.ts'
import type { Verb } from './verb.ts'
import { watch } from './watch.ts'

/** Reads the report that was written back; undefined where none was. */
export type ReadBack = (dir: string) => Promise<StatusReport | undefined>

/**
 * `hermes-status [KIND[/NAME]]`: how every resource is. Asks the service; with none it reads what was written back, and
 * says so. Exit code 1 without any answer; with --exit-code 2 when something is neither ready nor suspended.
 */
export function statusVerb(readBack: ReadBack): Verb {
  return {
    define: (command) =>
      command
        .argument('[resource]', 'Kind or Kind/name; everything when left out')
        .option('-w, --watch', 'show it again whenever it changes')
        .option('--exit-code', 'exit with 2 when something is neither ready nor suspended')
        .addOption(
          new Option('--interval <SECONDS>', 'seconds between looks with --watch').default(2).argParser(Number),
        )
        .addOption(outputOption()),
    examples: [
      ['hermes-status', 'every resource'],
      ['hermes-status --watch', 'and keep looking'],
      ['hermes-status sources -o json', 'for a program'],
      ['hermes-status --exit-code', 'in a script: 0 when all is well'],
    ],
    run: async ({ args: [given], environment, options, config }) => {
      const settings = config()
      const look = async () => select(await readStatus(settings, environment, readBack), given)
      const root = shownPath(settings.manifestsDir, environment.cwd)
      const render = (report: StatusReport) => statusText(report, { output: environment.stdout, now: Date.now(), root })
      if (options.watch === true) {
        return watch(environment, Number(options.interval) * 1000, async () => render(await look()))
      }
      const report = await look()
      await print(environment.stdout, options.output, report, () => render(report))
      return options.exitCode === true && !allWell(report) ? exitCodes.changes : exitCodes.done
    },
  }
}

async function readStatus(config: Config, { stderr }: Environment, readBack: ReadBack): Promise<StatusReport> {
  const { server, token, socketPath, statusDir } = config
  const client = openClient(server === undefined ? { socketPath } : { url: server, token })
  if (server !== undefined || (await client.alive())) return client.status()
  const report = await readBack(statusDir)
  if (report === undefined) {
    throw new HermesError(
      'service_absent',
      `no service answers on ${socketPath}, and no status is written in ${statusDir}`,
    )
  }
  stderr.write(`no service answers on ${socketPath}: this was last written ${relativeTime(report.time, Date.now())}\n`)
  return report
}

function select(report: StatusReport, given: string | undefined): StatusReport {
  if (given === undefined) return report
  if (!given.includes('/')) return { ...report, resources: ofKind(report.resources, given) }
  const key = resolveKey(given, report.resources)
  return { ...report, resources: report.resources.filter((each) => keyOf(each) === key) }
}

function allWell({ resources, problems }: StatusReport): boolean {
  return problems.length === 0 && resources.every(({ state }) => state === 'ready' || state === 'suspended')
}
