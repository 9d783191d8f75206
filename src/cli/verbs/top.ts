import { Option } from 'commander'
import type { StatusReport } from '../../service/api.ts'
import { outputOption, print } from '../print.ts'
import { requireService } from '../reach.ts'
import { ofWord } from '../resource-name.ts'
import { topText } from '../top-text.ts'
import type { Verb } from '../verb.ts'
import { watch } from '../watch.ts'

/**
 * `hermes top [WORKFLOW]`: rates, lag, depth, breakers and sizes of writes, again and again on a terminal. Throws
 * `service_absent` without a service.
 */
export const top: Verb = {
  define: (command) =>
    command
      .argument('[workflow]', 'one workflow; all when left out')
      .option('--once', 'show it once; without a terminal that is what happens anyway')
      .addOption(new Option('--every <SECONDS>', 'seconds between looks').default(1).argParser(Number))
      .addOption(outputOption()),
  examples: [
    ['hermes top', 'every workflow and its sinks, the busiest first'],
    ['hermes top prices --once', 'one of them, as it is now'],
    ['hermes top -o json', 'for a program'],
  ],
  run: async ({ args: [given], environment, options, config }) => {
    const api = await requireService(config(), 'it alone knows how workflows run')
    const { stdout } = environment
    const look = async (): Promise<StatusReport> => {
      const report = await api.status()
      const workflows = report.resources.filter(({ kind }) => kind === 'Workflow')
      return { ...report, resources: ofWord(workflows, given), problems: [] }
    }
    const isOnce = options.once === true || options.output !== 'table' || !stdout.isTerminal
    if (!isOnce)
      return await watch(environment, Number(options.every) * 1_000, async () => topText(await look(), stdout))
    const report = await look()
    await print(stdout, options.output, report.resources, () => topText(report, stdout))
    return undefined
  },
}
