import { environmentOf } from './cli/environment-of.ts'
import { statusVerb } from './cli/hermes-status.ts'
import { runVerb } from './cli/run-cli.ts'

const verb = statusVerb({
  readBack: async (dir) => (await import('./observe/read-back.ts')).readBack(dir),
  openBranch: async (...parts) => (await import('./read-status-branch.ts')).openBranchReader(...parts),
})
const summary = 'How every resource is: from the service, or from the status that was written back.'

await runVerb(environmentOf(process), verb, { name: 'hermes-status', summary })
