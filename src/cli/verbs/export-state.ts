import { resolve } from 'node:path'
import { formatJson } from '../print.ts'
import { withApi } from '../reach.ts'
import type { Verb } from '../verb.ts'
import { writeOutput } from '../write-output.ts'

/** `hermes export-state [FILE]`: all that a plan needs of the database, without any row or secret. */
export const exportState: Verb = {
  define: (command) => command.argument('[file]', 'where to write it; printed when left out'),
  examples: [
    ['hermes export-state state.json', 'for `hermes plan DIR --state state.json` where no database is'],
    ['hermes export-state | gzip > state.json.gz', 'a nightly job that leaves it for pull requests'],
  ],
  run: async ({ args: [file], environment, config }) => {
    const state = await withApi({ config: config(), environment, readOnly: true }, ({ api }) => api.state())
    if (file === undefined) return environment.stdout.write(formatJson(state))
    await writeOutput(resolve(environment.cwd, file), formatJson(state))
  },
}
