import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A child of the bench that said on its first line of output where it stands. */
export interface Running<Told> {
  readonly child: ChildProcess
  readonly told: Told
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The signal that the script ends itself with. */
  readonly endsBy?: NodeJS.Signals
  /** Node's. */
  readonly flags?: readonly string[]
}

function launch(script: string, args: readonly string[], options: ChildOptions): ChildProcess {
  return spawn(process.execPath, [...(options.flags ?? []), join(root, script), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...options.env },
  })
}

async function lastLine(child: ChildProcess, first: boolean): Promise<string> {
  if (child.stdout === null) throw new Error('the child has no output')
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    last = line
    if (first) break
  }
  return last
}

/** Starts a script that stays, and waits for the JSON on its first line. Kill `child` when done. */
export async function startScript<Told>(script: string, args: readonly string[]): Promise<Running<Told>> {
  const child = launch(script, args, {})
  return { child, told: JSON.parse(await lastLine(child, true)) as Told }
}

/** Runs a script to its end and reads the JSON on its last line. Throws when it fails. */
export async function runScript<Told>(
  script: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<Told> {
  const child = launch(script, args, options)
  const exit = once(child, 'exit')
  const line = await lastLine(child, false)
  const [code, signal] = (await exit) as [number | null, string | null]
  if (code !== 0 && signal !== options.endsBy) throw new Error(`${script} ended with ${code ?? signal}`)
  return JSON.parse(line) as Told
}

function statusBytes(pid: number | 'self', field: 'VmHWM' | 'VmRSS'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1] ?? Number.NaN) * 1024
}

/** The most memory a process ever held, and what it holds now; bytes. */
export const peakRss = (pid: number | 'self'): number => statusBytes(pid, 'VmHWM')
export const rss = (pid: number | 'self'): number => statusBytes(pid, 'VmRSS')

/** Processor time of all threads of a process so far, milliseconds. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
