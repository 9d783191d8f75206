import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { peakRss, root } from './child.ts'

/** Where one Hermes of a bench reads and keeps things. */
export interface Place {
  /** Absent: the flags say where manifests come from. */
  readonly manifests?: string
  readonly dataDir: string
  /** Absent: SQLite in the data directory. */
  readonly database?: string
}

/** A place with a directory of manifests. */
export type DirectoryPlace = Place & { readonly manifests: string }

function launch(verb: readonly string[], place: Place, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const database = place.database === undefined ? [] : ['--database', place.database]
  const manifests = place.manifests === undefined ? [] : ['--manifests', place.manifests]
  const flags = [...manifests, '--data-dir', place.dataDir, ...database]
  return spawn(process.execPath, [join(root, 'bin/hermes.js'), ...verb, ...flags], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HERMES_LOG_LEVEL: 'error', ...env },
  })
}

/** One command to its end: how long it took, the most memory it held, what it printed. Throws unless it exits 0. */
export async function runHermes(verb: readonly string[], place: Place) {
  const started = performance.now()
  const child = launch(verb, place)
  let peak = 0
  const watch = setInterval(() => {
    if (child.pid !== undefined && child.exitCode === null) peak = Math.max(peak, peakRss(child.pid) || 0)
  }, 20)
  const exit = once(child, 'exit')
  const output = child.stdout === null ? '' : await text(child.stdout)
  const [code] = (await exit) as [number | null]
  clearInterval(watch)
  if (code !== 0) throw new Error(`hermes ${verb.join(' ')} ended with ${code}: ${output}`)
  return { seconds: (performance.now() - started) / 1000, endedAt: Date.now(), peakRss: peak, output }
}

/** A running service of the bench. */
export interface Service extends AsyncDisposable {
  readonly pid: number
  get<T>(path: string): Promise<T>
  text(path: string): Promise<string>
  post(path: string, body?: unknown): Promise<void>
  /** Posts a body as it is. */
  send(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<void>
}

interface Question {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

async function ask(socketPath: string, { method, path, body, headers = {} }: Question): Promise<string> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const asked = request({ socketPath, path, method, headers: { ...type, ...headers } })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const answer = await text(response)
  if ((response.statusCode ?? 500) >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`)
  return answer
}

/** Starts `hermes serve` and waits until it is ready. Disposing it stops it and waits for its end. */
export async function serve(
  place: Place,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const child = launch(['serve', ...flags], place, env)
  child.stdout?.resume()
  const exit = once(child, 'exit')
  const socketPath = join(place.dataDir, 'hermes.sock')
  for (let ready = false; !ready; ) {
    if (child.exitCode !== null) throw new Error(`hermes serve ended with ${child.exitCode}`)
    await delay(50)
    ready = await ask(socketPath, { method: 'GET', path: '/readyz' }).then(
      () => true,
      () => false,
    )
  }
  return {
    pid: child.pid ?? 0,
    get: async <T>(path: string) => JSON.parse(await ask(socketPath, { method: 'GET', path })) as T,
    text: (path) => ask(socketPath, { method: 'GET', path }),
    post: async (path, body) => {
      await ask(socketPath, { method: 'POST', path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    },
    send: async (path, body, headers) => {
      await ask(socketPath, { method: 'POST', path, body, headers })
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exit
    },
  }
}

/** Processor time of all living threads so far, milliseconds, to the microsecond. */
export function exactCpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => {
    const [ns] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
    return sum + Number(ns) / 1e6
  }, 0)
}
