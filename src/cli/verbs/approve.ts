import { outputOption, print } from '../print.ts'
import { noteWithoutService, withApi } from '../reach.ts'
import type { Verb } from '../verb.ts'

/** `hermes approve HASH`: lets a change that a plan shows as blocked happen, that one and no other; or all of a plan. */
export const approve: Verb = {
  define: (command) => command.argument('<hash>', 'as `hermes plan` prints it').addOption(outputOption()),
  examples: [
    ['hermes approve 4f2a91c0b37e', 'carry the blocked change of that hash out'],
    ['hermes approve 0123456789abcdef', 'and all that is blocked in the plan of that hash, if it is still the plan'],
  ],
  run: async ({ args, environment, options, config }) => {
    await withApi({ config: config(), environment }, async (reach) => {
      const keys = await reach.api.approve(args[0] ?? '')
      await print(environment.stdout, options.output, keys, () => keys.map((key) => `approved ${key}\n`).join(''))
      noteWithoutService(environment, reach)
    })
  },
}
