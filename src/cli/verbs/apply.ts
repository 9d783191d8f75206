import type { ApplyProgress, ApplyReport } from '../../service/api.ts'
import { applyByService } from '../apply-by-service.ts'
import { applyText } from '../apply-text.ts'
import { formatCount } from '../display.ts'
import { exitCodes } from '../environment.ts'
import { interruptible } from '../interruptible.ts'
import { placesRoot } from '../place-text.ts'
import { outputOption, print } from '../print.ts'
import { progressLine } from '../progress-line.ts'
import { runningService, withHermes } from '../reach.ts'
import type { Verb } from '../verb.ts'

/**
 * `hermes apply`: reconciles once, fetches what is due, and waits. Exit code 0 done, 3 something is blocked or the plan is
 * not the one named, 1 failed.
 */
export const apply: Verb = {
  define: (command) =>
    command
      .option('--no-run', 'reconcile tables and registrations only; fetch nothing')
      .option('--plan <HASH>', 'do nothing unless this is the plan, as `hermes plan` printed it')
      .addOption(outputOption()),
  examples: [
    ['hermes apply', 'make the data follow the manifests, once'],
    ['hermes apply --no-run', 'create and alter tables without fetching'],
    ['hermes apply --plan 5d41402abc4b2a76', 'carry out that plan, and no other'],
  ],
  run: async ({ environment, options, config }) => {
    const settings = config()
    const service = await runningService(settings)
    const plan = typeof options.plan === 'string' ? options.plan : undefined
    using line = progressLine(environment.stderr)
    const report = await interruptible(environment, (signal) => {
      if (service !== undefined) return applyByService(service, plan)
      const once = { run: options.run !== false, ...(plan === undefined ? {} : { plan }) }
      return withHermes({ config: settings, environment }, (hermes) =>
        hermes.apply(once, signal, (progress) => line.show(progressText(progress))),
      )
    })
    line[Symbol.dispose]()
    const root = placesRoot(settings, environment.cwd)
    await print(environment.stdout, options.output, report, () => applyText(report, environment.stdout, root))
    return exitCodeOf(report)
  },
}

function progressText(progress: ApplyProgress): string {
  const done = `${formatCount(progress.done, true)} of ${formatCount(progress.total, true)}`
  if (progress.phase === 'reconcile') return `reconciling: ${done}`
  return `fetching: ${done}; ${progress.source}: ${formatCount(progress.rows, true)} rows`
}

function exitCodeOf(report: ApplyReport): number {
  if (report.failed.length > 0 || report.problems.length > 0) return exitCodes.failed
  return report.blocked.length > 0 ? exitCodes.attention : exitCodes.done
}
