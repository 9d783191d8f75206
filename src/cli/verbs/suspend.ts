import { outputOption } from '../print.ts'
import { resolveKey, withDefinitions } from '../resource-name.ts'
import type { Verb } from '../verb.ts'
import { writeManifests } from '../write-manifests.ts'

/** `hermes suspend KIND/NAME`: writes `spec.suspend: true` into the manifest. */
export const suspend: Verb = {
  define: (command) => command.argument('<resource...>', 'Kind/name').addOption(outputOption()),
  examples: [['hermes suspend SourceDefinition/quotes', 'fetch it no more; its rows stay']],
  run: async (invocation) => {
    await writeManifests(invocation, async (api) => {
      const known = withDefinitions(await api.manifests())
      const keys = invocation.args.map((given) => resolveKey(given, known))
      const results = []
      for (const key of new Set(keys)) results.push(await api.suspend(key, true))
      return results
    })
  },
}
