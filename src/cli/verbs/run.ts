import { counted, formatCount } from '../display.ts'
import { interruptible } from '../interruptible.ts'
import { outputOption, print } from '../print.ts'
import { progressLine } from '../progress-line.ts'
import { withApi } from '../reach.ts'
import { sourceName } from '../resource-name.ts'
import { runText } from '../run-text.ts'
import type { Verb } from '../verb.ts'

/** `hermes run NAME`: fetches a source now, whatever its schedule says, and waits for the end. */
export const run: Verb = {
  define: (command) => command.argument('<source>', 'name of a SourceDefinition').addOption(outputOption()),
  examples: [
    ['hermes run quotes', 'fetch it now and wait'],
    ['hermes run quotes -o json', 'the result as JSON'],
  ],
  run: async ({ args, environment, options, config }) => {
    const name = sourceName(args[0] ?? '')
    const result = await withApi({ config: config(), environment }, async ({ api }) => {
      using line = progressLine(environment.stderr)
      const started = performance.now()
      return await interruptible(environment, (signal) =>
        api.run(name, signal, ({ rows, pages }) => {
          const rate = Math.round((rows / (performance.now() - started)) * 1000)
          const done = `${counted(rows, 'row', true)}, ${counted(pages, 'page', true)}`
          line.show(`${name}: ${done}, ${formatCount(rate, true)} rows/s`)
        }),
      )
    })
    await print(environment.stdout, options.output, result, () => runText(result, environment.stdout))
  },
}
