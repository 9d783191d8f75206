import { environmentOf } from './cli/environment-of.ts'
import { statusVerb } from './cli/hermes-status.ts'
import { runVerb } from './cli/run-cli.ts'

const verb = statusVerb(async (dir) => (await import('./observe/read-back.ts')).readBack(dir))
const summary = 'How every resource is: from the service, or from the status that was written back.'

await runVerb(environmentOf(process), verb, { name: 'hermes-status', summary })
