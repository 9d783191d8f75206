import { environmentOf } from './cli/environment-of.ts'
import { runCli } from './cli/run-cli.ts'

await runCli(environmentOf(process))
