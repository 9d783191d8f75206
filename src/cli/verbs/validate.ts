import { statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { Problem } from '../../manifest/manifest.ts'
import { counted } from '../display.ts'
import { exitCodes } from '../environment.ts'
import { githubAnnotation } from '../github-annotation.ts'
import { shownPath } from '../place-text.ts'
import { outputOption, print } from '../print.ts'
import { problemText } from '../problem-text.ts'
import { withHermes } from '../reach.ts'
import type { Verb } from '../verb.ts'

/** `hermes validate [PATH]`: every problem of every file, with its place and what to do. Warnings are told as well. Exit code 0, 1 with problems. */
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
    const root = shownPath(rootOf(path ?? settings.manifestsDir, settings.manifestsDir), environment.cwd)
    const { problems, warnings, files, manifests } = report
    await print(environment.stdout, options.output, report, () => {
      const { stdout } = environment
      const textOf = (problem: Problem, level: 'error' | 'warning'): string =>
        options.output === 'github'
          ? githubAnnotation(problem, root, level)
          : problemText(problem, stdout, root, level === 'error' ? 'red' : 'yellow')
      const found = [
        ...problems.map((each) => textOf(each, 'error')),
        ...warnings.map((each) => textOf(each, 'warning')),
      ]
      const counts = [
        counted(files, 'file', stdout.isTerminal),
        counted(manifests, 'manifest', stdout.isTerminal),
        counted(problems.length, 'problem', stdout.isTerminal),
        ...(warnings.length === 0 ? [] : [counted(warnings.length, 'warning', stdout.isTerminal)]),
      ]
      return `${found.join('')}${counts.join(', ')}\n`
    })
    return problems.length === 0 ? exitCodes.done : exitCodes.failed
  },
}

/** What places are relative to. */
function rootOf(path: string, manifestsDir: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return path
  return relative(manifestsDir, path).startsWith('..') ? dirname(path) : manifestsDir
}
