import { outputOption } from '../print.ts'
import { resolveKey, withDefinitions } from '../resource-name.ts'
import type { Verb } from '../verb.ts'
import { writeManifests } from '../write-manifests.ts'

/** `hermes delete KIND/NAME`: the manifest goes; reconciling then removes what it made, as its deletionPolicy says. */
export const deleteVerb: Verb = {
  define: (command) => command.argument('<resource...>', 'Kind/name').addOption(outputOption()),
  examples: [
    ['hermes delete SourceDefinition/quotes', 'remove the manifest; its rows go with the next lap'],
    ['hermes delete source/quotes source/news', 'several at once'],
  ],
  run: async (invocation) => {
    await writeManifests(invocation, async (api) => {
      const known = withDefinitions(await api.manifests())
      const keys = invocation.args.map((given) => resolveKey(given, known))
      const results = []
      for (const key of new Set(keys)) results.push(await api.delete(key))
      return results
    })
  },
}
