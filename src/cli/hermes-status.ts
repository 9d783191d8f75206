import { Option } from 'commander'
import type { StatusReport } from '../service/api.ts'
import { exitCodes } from './environment.ts'
import { interruptible } from './interruptible.ts'
import { placesRoot } from './place-text.ts'
import { outputOption, print } from './print.ts'
import { statusReader, type WrittenStatus } from './read-status.ts'
import { ofWord } from './resource-name.ts'
import { statusText } from './status-text.ts'
import type { Verb } from './verb.ts'
import { watch } from './watch.ts'

/**
 * `hermes-status [KIND | [KIND/]NAME]`: how every resource is. Asks the service; with none it reads what was written, into the
 * branch of a repository or back into a directory, and says so. Exit code 1 without any answer; with --exit-code 2 when
 * something is neither ready nor suspended.
 */
export function statusVerb(written: WrittenStatus): Verb {
  return {
    define: (command) =>
      command
        .argument('[resource]', 'Kind, Kind/name, or a name alone; everything when left out')
        .option('-w, --watch', 'show it again whenever it changes')
        .option('--exit-code', 'exit with 2 when something is neither ready nor suspended')
        .addOption(new Option('--every <SECONDS>', 'seconds between looks with --watch').default(2).argParser(Number))
        .addOption(outputOption()),
    examples: [
      ['hermes-status', 'every resource'],
      ['hermes-status --watch', 'and keep looking'],
      ['hermes-status sources -o json', 'for a program'],
      ['hermes-status --git https://git.example.com/data.git', 'from the branch hermes-status, without a service'],
      ['hermes-status --exit-code', 'in a script: 0 when all is well'],
    ],
    run: async ({ args: [given], environment, options, config }) => {
      const settings = config()
      await using reader = statusReader(settings, environment, written)
      const look = async (signal: AbortSignal) => select(await reader.read(signal), given)
      const root = placesRoot(settings, environment.cwd)
      const render = (report: StatusReport) =>
        statusText(report, { output: environment.stdout, now: Date.now(), root: report.root ?? root })
      if (options.watch === true) {
        return await watch(environment, Number(options.every) * 1000, async (signal) => render(await look(signal)))
      }
      const report = await interruptible(environment, look)
      await print(environment.stdout, options.output, report, () => render(report))
      return options.exitCode === true && !allWell(report) ? exitCodes.changes : exitCodes.done
    },
  }
}

function select(report: StatusReport, given: string | undefined): StatusReport {
  return { ...report, resources: ofWord(report.resources, given) }
}

function allWell({ resources, problems, unread }: StatusReport): boolean {
  const isRead = unread === undefined
  return isRead && problems.length === 0 && resources.every(({ state }) => state === 'ready' || state === 'suspended')
}
