import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../architecture.ts'
import { finish, type Ran } from '../cli/bin.ts'
import { filled, type GitHubJob } from './ci-pages.ts'

/** What came of a job: everything its steps printed, and the outputs that it hands on. */
export interface JobResult extends Ran {
  readonly outputs: Readonly<Record<string, string>>
}

/** A machine that runs jobs: a checkout, the commands on its path, and nothing of this process's settings. */
export class Runner implements Disposable {
  readonly #home = realpathSync(mkdtempSync(join(tmpdir(), 'hermes-ci-')))
  readonly checkout = join(this.#home, 'checkout')
  readonly #env: Readonly<Record<string, string>>

  constructor(env: Readonly<Record<string, string>>) {
    const bin = join(this.#home, 'bin')
    for (const directory of [bin, this.checkout]) mkdirSync(directory)
    for (const name of ['hermes', 'hermes-status']) {
      const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', name)}.js' "$@"\n`
      writeFileSync(join(bin, name), script)
      chmodSync(join(bin, name), 0o755)
    }
    writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('HERMES_'))
    this.#env = {
      ...(Object.fromEntries(inherited) as Record<string, string>),
      PATH: `${bin}:${process.env['PATH']}`,
      ...env,
    }
  }

  /** The steps of a job one after another, each in a shell of its own, up to the first that fails. */
  async gitHub(job: GitHubJob, env: Readonly<Record<string, string>>, context: Readonly<Record<string, string>>) {
    const known: Record<string, string> = { ...context }
    const all = { ...env, ...job.env }
    let printed: Ran = { code: 0, stdout: '', stderr: '' }
    for (const { run, uses, id } of job.steps) {
      if (run === undefined) {
        if (uses?.startsWith('actions/checkout@') !== true) throw new Error(`the job uses ${uses}`)
        continue
      }
      const output = join(this.#home, 'output')
      writeFileSync(output, '')
      const own = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, filled(value, known)]))
      printed = joined(printed, await this.#shell(['sh', '-e'], filled(run, known), { ...own, GITHUB_OUTPUT: output }))
      if (printed.code !== 0) break
      for (const [, name, value] of readFileSync(output, 'utf8').matchAll(/^(\w+)=(.*)$/gm)) {
        known[`steps.${id}.outputs.${name}`] = value ?? ''
      }
    }
    const outputs = Object.entries(job.outputs ?? {}).map(([name, value]) => [name, filled(value, known)])
    return { ...printed, outputs: Object.fromEntries(outputs) as Record<string, string> } satisfies JobResult
  }

  /** The script of a job, in one shell. */
  gitLab(script: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
    return this.#shell(['bash', '-eo', 'pipefail'], script.join('\n'), env)
  }

  #shell(
    [shell = 'sh', ...flags]: readonly string[],
    script: string,
    env: Readonly<Record<string, string>>,
  ): Promise<Ran> {
    const child = spawn(shell, [...flags, '-c', script], { cwd: this.checkout, env: { ...this.#env, ...env } })
    child.stdin.end()
    return finish(child)
  }

  [Symbol.dispose](): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}

function joined(before: Ran, after: Ran): Ran {
  return { code: after.code, stdout: before.stdout + after.stdout, stderr: before.stderr + after.stderr }
}
