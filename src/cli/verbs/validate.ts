import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Problem } from '../../manifest/manifest.ts'
import { counted } from '../display.ts'
import { exitCodes } from '../environment.ts'
import { githubAnnotation } from '../github-annotation.ts'
import { shownPath } from '../place-text.ts'
import { outputOption, print } from '../print.ts'
import { problemText } from '../problem-text.ts'
import { withHermes } from '../reach.ts'
import type { Verb } from '../verb.ts'

/** `hermes validate [PATH]`: every problem of every file, with its place and what to do. Exit code 0 or 1. */
export const validate: Verb = {
  define: (command) =>
    command
      .argument('[path]', 'file or directory; the manifests directory when left out')
      .addOption(outputOption(['table', 'json', 'yaml', 'github'])),
  examples: [
    ['hermes validate', 'check the manifests directory'],
    ['hermes validate quotes.yaml -o json', 'check one file, for a program'],
    ['hermes validate manifests -o github', 'annotate the files of a pull request'],
  ],
  run: async ({ args, environment, options, config }) => {
    const settings = config()
    const path = args[0] === undefined ? undefined : resolve(environment.cwd, args[0])
    const report = await withHermes({ config: settings, environment, readOnly: true }, (hermes) =>
      hermes.validate(path),
    )
    const root = shownPath(rootOf(path ?? settings.manifestsDir), environment.cwd)
    const { problems, files, manifests } = report
    await print(environment.stdout, options.output, report, () => {
      const textOf = (problem: Problem): string =>
        options.output === 'github' ? githubAnnotation(problem, root) : problemText(problem, environment.stdout, root)
      const found = problems.map(textOf).join('')
      const { isTerminal } = environment.stdout
      const counts = [counted(files, 'file', isTerminal), counted(manifests, 'manifest', isTerminal)]
      return `${found}${counts.join(', ')}, ${counted(problems.length, 'problem', isTerminal)}\n`
    })
    return problems.length === 0 ? exitCodes.done : exitCodes.failed
  },
}

/** What places are relative to. */
function rootOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? dirname(path) : path
}
