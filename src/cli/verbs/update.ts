import { outputOption } from '../print.ts'
import { readInput } from '../read-input.ts'
import type { Verb } from '../verb.ts'
import { writeManifests } from '../write-manifests.ts'

/** `hermes update FILE`: replaces manifests in the files they stand in. */
export const update: Verb = {
  define: (command) =>
    command.argument('<file>', 'YAML or JSON documents; - for standard input').addOption(outputOption()),
  examples: [['hermes update quotes.yaml', 'replace the manifests of all resources in the file']],
  run: async (invocation) => {
    const text = await readInput(invocation.args[0] ?? '-', invocation.environment)
    await writeManifests(invocation, (api) => api.update(text))
  },
}
