import { interruptible } from '../interruptible.ts'
import { withApi } from '../reach.ts'
import { resolveKey } from '../resource-name.ts'
import type { Verb } from '../verb.ts'

/** `hermes reconcile [KIND/NAME…]`: reads the manifests again and runs a lap now, without waiting for the timer. */
export const reconcile: Verb = {
  define: (command) => command.argument('[resource...]', 'Kind/name; all when left out'),
  examples: [
    ['hermes reconcile', 'look at everything again'],
    ['hermes reconcile SourceDefinition/quotes', 'look at one resource'],
  ],
  run: async ({ args, environment, config }) => {
    await withApi({ config: config(), environment }, async ({ api }) => {
      const known = args.length === 0 ? [] : (await api.status()).resources
      const keys = args.map((given) => resolveKey(given, known))
      await interruptible(environment, () => api.reconcile(keys.length === 0 ? undefined : keys))
      environment.stdout.write(`reconciled ${keys.length === 0 ? 'everything' : keys.join(', ')}\n`)
    })
  },
}
