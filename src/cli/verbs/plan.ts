import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Option } from 'commander'
import type { Config } from '../../config.ts'
import { HermesError, toHermesError } from '../../errors.ts'
import { type Plan, planExitCode } from '../../reconcile/plan.ts'
import type { HermesOptions } from '../../service/api.ts'
import type { Environment } from '../environment.ts'
import { painter } from '../paint.ts'
import { planTree } from '../plan-tree.ts'
import { formatJson, outputOption } from '../print.ts'
import { runningService, withApi, withHermes } from '../reach.ts'
import type { Invocation, Verb } from '../verb.ts'
import { writeOutput } from '../write-output.ts'

/** `hermes plan [DIR]`: what would change. Exit code 0 nothing, 2 changes, 3 destructive or blocked, 1 problems. */
export const plan: Verb = {
  define: (command) =>
    command
      .argument('[dir]', 'a directory of manifests; those in force when left out')
      .addOption(new Option('--state <FILE>', 'plan against what `hermes export-state` wrote').conflicts('empty'))
      .option('--empty', 'plan against a place where nothing was ever made')
      .option('--comment-file <FILE>', 'also write it as the body of a comment on a pull request')
      .addOption(new Option('--comment-name <NAME>', 'name in the mark of that comment').default('hermes'))
      .addOption(outputOption(['text', 'json', 'markdown'])),
  examples: [
    ['hermes plan', 'what the next lap would do, with the exact SQL'],
    ['hermes plan manifests --server https://hermes.example.com', 'a branch against a running service'],
    ['hermes plan manifests --state state.json', 'a branch against a state that was exported'],
    ['hermes plan manifests --comment-file comment.md', 'a comment for a pull request'],
    ['hermes plan; test $? -ne 3', 'fail where data would be destroyed'],
  ],
  run: async (invocation) => {
    const { environment, options } = invocation
    const found = await planFor(invocation)
    if (typeof options.commentFile === 'string') {
      const { commentBody } = await import('../comment-body.ts')
      const body = commentBody(found, String(options.commentName))
      await writeOutput(resolve(environment.cwd, options.commentFile), body)
    }
    environment.stdout.write(await render(found, options.output, environment))
    return planExitCode(found)
  },
}

/** A directory of its own is planned by the service that runs, else in this process against the database as it is. */
async function planFor(invocation: Invocation): Promise<Plan> {
  const { args, environment, config } = invocation
  const settings = config()
  const world = await worldOf(invocation)
  const dir = args[0] === undefined ? undefined : resolve(environment.cwd, args[0])
  if (world === undefined) {
    if (dir === undefined) return withApi({ config: settings, environment, readOnly: true }, ({ api }) => api.plan())
    const service = await runningService(settings)
    if (service !== undefined) return planTree(service, dir, { config: over(settings, dir), environment })
  }
  const options = { config: dir === undefined ? settings : over(settings, dir), environment, readOnly: true }
  return withHermes({ ...options, ...(world === undefined ? {} : { world }) }, ({ api }) => api.plan())
}

/** What is planned against in place of the database. Throws `not_found`. */
async function worldOf({ options, environment }: Invocation): Promise<HermesOptions['world']> {
  if (options.empty === true) return 'empty'
  if (typeof options.state !== 'string') return undefined
  const state = await readFile(resolve(environment.cwd, options.state), 'utf8').catch((error: unknown) => {
    throw new HermesError('not_found', `${String(options.state)} cannot be read: ${toHermesError(error).message}`, {
      fix: 'Write it with `hermes export-state FILE`.',
    })
  })
  return { state }
}

/** The same settings for the manifests of another directory. */
function over({ git: _, ...settings }: Config, manifestsDir: string): Config {
  return { ...settings, manifestsDir }
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
