import { outputOption } from '../print.ts'
import { resolveKey, withDefinitions } from '../resource-name.ts'
import type { Verb } from '../verb.ts'
import { writeManifests } from '../write-manifests.ts'

/** `hermes resume KIND/NAME`: writes `spec.suspend: false` into the manifest. */
export const resume: Verb = {
  define: (command) => command.argument('<resource...>', 'Kind/name').addOption(outputOption()),
  examples: [['hermes resume SourceDefinition/quotes', 'fetch it again, as its schedule says']],
  run: async (invocation) => {
    await writeManifests(invocation, async (api) => {
      const known = withDefinitions(await api.manifests())
      const keys = invocation.args.map((given) => resolveKey(given, known))
      const results = []
      for (const key of new Set(keys)) results.push(await api.suspend(key, false))
      return results
    })
  },
}
