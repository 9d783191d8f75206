import { resolve } from 'node:path'
import { Argument } from 'commander'
import type { BufferProgress } from '../../buffer-report.ts'
import { HermesError } from '../../errors.ts'
import type { BufferChoice } from '../../service/api.ts'
import { bufferText, isDamaged } from '../buffer-text.ts'
import { formatBytes } from '../display.ts'
import { exitCodes } from '../environment.ts'
import { interruptible } from '../interruptible.ts'
import { shownPath } from '../place-text.ts'
import { outputOption, print } from '../print.ts'
import { progressLine } from '../progress-line.ts'
import { withHermes } from '../reach.ts'
import type { Invocation, Verb } from '../verb.ts'

const actions = ['inspect', 'verify'] as const

/**
 * `hermes buffer inspect|verify WORKFLOW`: what a workflow's file buffer holds, by its files, whether a service runs or
 * not. Exit code 0, for verify 2 when something is damaged, 1 failed.
 */
export const buffer: Verb = {
  define: (command) =>
    command
      .addArgument(
        new Argument('<action>', 'inspect reads what its files say of themselves, verify every payload too').choices(
          actions,
        ),
      )
      .argument('[workflow]', 'name of a workflow')
      .option('--dir <dir>', 'the directory of a buffer, in the place of a workflow')
      .addOption(outputOption()),
  examples: [
    ['hermes buffer inspect prices', 'its files, and how far each sink is behind'],
    ['hermes buffer verify prices', 'read every payload; exit code 2 when something is damaged'],
    ['hermes buffer verify --dir backup/buffers/prices -o json', 'a copy of it, for a program'],
  ],
  run: async (invocation) => {
    const { args, environment, options, config } = invocation
    const which = choiceOf(invocation)
    const verify = args[0] === 'verify'
    const settings = config()
    refuseElsewhere(settings.server)
    using line = progressLine(environment.stderr)
    const onProgress = (progress: BufferProgress): void => line.show(progressText(progress))
    const report = await interruptible(environment, (signal) =>
      withHermes({ config: settings, environment, readOnly: true }, (hermes) =>
        hermes.buffer(which, verify, { signal, onProgress }),
      ),
    )
    line[Symbol.dispose]()
    const about = { dir: shownPath(report.dir, environment.cwd), verified: verify }
    await print(environment.stdout, options.output, report, () => bufferText(report, about, environment.stdout))
    return verify && isDamaged(report) ? exitCodes.changes : exitCodes.done
  },
}

function choiceOf({ args: [, workflow], options: { dir }, environment }: Invocation): BufferChoice {
  if ((workflow === undefined) === (dir === undefined)) {
    throw new HermesError('usage', 'name a workflow, or a directory with --dir')
  }
  if (typeof dir === 'string') return { dir: resolve(environment.cwd, dir) }
  const name = (workflow ?? '').replace(/^workflow\//i, '')
  if (/^[a-z0-9][-a-z0-9.]*$/.test(name)) return { workflow: name }
  throw new HermesError('usage', `${name} is no name of a workflow`, {
    fix: 'Name the directory of a buffer with --dir.',
  })
}

function refuseElsewhere(server: string | undefined): void {
  if (server === undefined) return
  throw new HermesError('usage', `the files of a buffer are read where they are, and not by ${server}`, {
    fix: 'Leave --server out, and run it on the machine of the service.',
  })
}

function progressText({ bytes, of, damagedFrames }: BufferProgress): string {
  const damaged = damagedFrames === 0 ? '' : `, ${damagedFrames} damaged`
  return `reading: ${formatBytes(bytes)} of ${formatBytes(of)}${damaged}`
}
