import { outputOption } from '../print.ts'
import { readInput } from '../read-input.ts'
import type { Verb } from '../verb.ts'
import { writeManifests } from '../write-manifests.ts'

/** `hermes add FILE`: new resources go into the manifests directory, which stays the truth. */
export const add: Verb = {
  define: (command) =>
    command.argument('<file>', 'YAML or JSON documents; - for standard input').addOption(outputOption()),
  examples: [
    ['hermes add quotes.yaml', 'add every document of the file'],
    ['curl -s URL | hermes add -', 'add what is piped in'],
  ],
  run: async (invocation) => {
    const text = await readInput(invocation.args[0] ?? '-', invocation.environment)
    await writeManifests(invocation, (api) => api.add(text))
  },
}
