import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/config.ts'
import { reportAt } from '../report-at.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A directory to run the real commands in, as a user would. */
export async function openPlace() {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-cli-'))
  const running = new Set<ChildProcess>()
  const start = (bin: 'hermes' | 'hermes-status', args: readonly string[], env: Record<string, string> = {}) => {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('HERMES_'))
    const child = spawn(process.execPath, [join(root, 'bin', `${bin}.js`), ...args], {
      cwd: directory,
      env: { ...Object.fromEntries(inherited), ...env },
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }
  const run = async (bin: 'hermes' | 'hermes-status', args: readonly string[], input?: string, env = {}) => {
    const child = start(bin, args, env)
    child.stdin.on('error', () => undefined).end(input ?? '')
    return finish(child)
  }
  const report = () => reportAt(readConfig({}, {}, directory).socketPath)
  return {
    directory,
    start,
    /** What `hermes-status -o json` reads from the service, to be asked again and again; undefined while none answers. */
    report,
    hermes: (...args: readonly string[]) => run('hermes', args),
    status: (...args: readonly string[]) => run('hermes-status', args),
    run,
    /** `hermes serve`, once it answers. */
    serve: async (...args: readonly string[]) => {
      const child = start('hermes', ['serve', ...args])
      const result = finish(child)
      // Starting a process to ask again and again would only keep the service from its own start.
      while (child.exitCode === null && child.signalCode === null && !(await report())) await delay(25)
      for (;;) {
        const ready = await Promise.race([run('hermes-status', ['-o', 'json']), result])
        if (ready.code === 0 && !ready.stderr.includes('no service')) break
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`serve ended: ${(await result).stderr}`)
      }
      return { child, result }
    },
    [Symbol.asyncDispose]: async () => {
      const ended = [...running].map((child) => once(child, 'exit'))
      for (const child of running) child.kill('SIGKILL')
      await Promise.all(ended)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Waits for a command and gives what it printed. */
export async function finish(child: ReturnType<typeof spawn>): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
