import { resolve } from 'node:path'
import type { Config } from '../../config.ts'
import { type Plan, planExitCode } from '../../reconcile/plan.ts'
import type { Environment } from '../environment.ts'
import { painter } from '../paint.ts'
import { formatJson, outputOption } from '../print.ts'
import { withApi, withHermes } from '../reach.ts'
import type { Verb } from '../verb.ts'

/** `hermes plan [DIR]`: what would change. Exit code 0 nothing, 2 changes, 3 destructive or blocked, 1 problems. */
export const plan: Verb = {
  define: (command) =>
    command
      .argument('[dir]', 'a directory of manifests; the one in force when left out')
      .addOption(outputOption(['text', 'json', 'markdown'])),
  examples: [
    ['hermes plan', 'what the next lap would do, with the exact SQL'],
    ['hermes plan branch/manifests -o markdown', 'a comment for a pull request'],
    ['hermes plan; test $? -ne 3', 'fail where data would be destroyed'],
  ],
  run: async ({ args, environment, options, config }) => {
    const found = await planFor(config(), args[0], environment)
    environment.stdout.write(await render(found, options.output, environment))
    return planExitCode(found)
  },
}

/** A directory of its own is planned in this process, against the database as it is. */
function planFor(config: Config, dir: string | undefined, environment: Environment): Promise<Plan> {
  if (dir === undefined) return withApi({ config, environment, readOnly: true }, ({ api }) => api.plan())
  const other = { ...config, manifestsDir: resolve(environment.cwd, dir) }
  return withHermes({ config: other, environment, readOnly: true }, ({ api }) => api.plan())
}

async function render(found: Plan, format: unknown, { stdout }: Environment): Promise<string> {
  if (format === 'json') return formatJson(found)
  if (format === 'markdown') {
    const { renderMarkdown } = await import('../../reconcile/render-markdown.ts')
    return renderMarkdown(found)
  }
  const { renderText } = await import('../../reconcile/render-text.ts')
  return renderText(found, { paint: painter(stdout) })
}
