import { resolve } from 'node:path'
import { Option } from 'commander'
import type { TestReport } from '../../service/api.ts'
import { formatCount } from '../display.ts'
import { exitCodes } from '../environment.ts'
import { interruptible } from '../interruptible.ts'
import { outputOption, print } from '../print.ts'
import { progressLine } from '../progress-line.ts'
import { withHermes } from '../reach.ts'
import { junitText } from '../test-junit.ts'
import { testText } from '../test-text.ts'
import type { Verb } from '../verb.ts'

/**
 * `hermes test [PATH…]`: runs tests of workflows without a service, a source or a sink. Exit code 0 when all passed, 2
 * when one failed, 1 when one could not be run.
 */
export const test: Verb = {
  define: (command) =>
    command
      .argument('[paths...]', 'files named *.test.yaml, or directories of them; the manifests directory when left out')
      .addOption(new Option('--run <pattern>', 'only cases whose test/case has this in it; * stands for anything'))
      .addOption(outputOption(['table', 'json', 'yaml', 'junit'])),
  examples: [
    ['hermes test', 'every *.test.yaml below the manifests directory'],
    ["hermes test --run 'prices/late'", 'some of the cases'],
    ['hermes test manifests/prices.test.yaml -o json', 'one file, for a program'],
    ['hermes test -o junit > report.xml', 'for a CI system'],
  ],
  run: async ({ args, environment, options, config }) => {
    const { cwd, stdout, stderr } = environment
    const pattern = typeof options.run === 'string' ? { pattern: options.run } : {}
    const choice = { paths: args.map((path) => resolve(cwd, path)), root: cwd, ...pattern }
    using line = progressLine(stderr)
    const report = await interruptible(environment, (signal) =>
      withHermes({ config: config(), environment, readOnly: true }, (hermes) =>
        hermes.test(choice, signal, ({ done, total }) =>
          line.show(`testing: ${formatCount(done, true)} of ${formatCount(total, true)}`),
        ),
      ),
    )
    line[Symbol.dispose]()
    if (options.output === 'junit') stdout.write(junitText(report))
    else await print(stdout, options.output, report, () => testText(report, stdout))
    return exitCodeOf(report)
  },
}

function exitCodeOf({ cases, problems }: TestReport): number {
  if (problems.length > 0) return exitCodes.failed
  return cases.every(({ passed }) => passed) ? exitCodes.done : exitCodes.changes
}
