import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { StatusReport } from '../../src/observe/status.ts'
import { reportAt } from '../report-at.ts'

const bin = resolve(import.meta.dirname, '../../bin/hermes.js')

export interface ServiceOptions {
  readonly home: string
  readonly database: string
  /** Where manifests are from; the directory `manifests` of its home when absent. */
  readonly origin?: readonly string[]
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** `hermes serve` as a process of its own, to be killed. */
export class Service {
  readonly #options: ServiceOptions
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  #output = ''

  constructor(options: ServiceOptions) {
    this.#options = options
    const { home, database, origin = ['--manifests', join(home, 'manifests')], env } = options
    const flags = [...origin, '--data-dir', join(home, 'data'), '--database', database]
    this.#child = spawn(process.execPath, [bin, 'serve', ...flags, '--log-level', 'info'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-8_000)
      })
    }
    this.#exited = new Promise((done) => {
      this.#child.on('exit', () => done())
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The last it printed; for a failing test's message. */
  get output(): string {
    return this.#output
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** SIGTERM drains and ends well, whatever is under way; throws when it does not. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#exited
    const { exitCode } = this.#child
    if (exitCode !== 0) throw new Error(`SIGTERM ended hermes with ${exitCode}:\n${this.#output}`)
  }

  /** Its unix socket. */
  get socket(): string {
    return join(this.#options.home, 'data', 'hermes.sock')
  }

  async status(): Promise<StatusReport | undefined> {
    return reportAt(this.socket)
  }

  /** Waits until `met` holds of the status; throws with the last status after a minute. */
  async until(met: (report: StatusReport) => boolean): Promise<StatusReport> {
    let last: StatusReport | undefined
    for (const end = Date.now() + 60_000; Date.now() < end; await delay(25)) {
      if (this.#child.exitCode !== null) throw new Error(`hermes ended by itself:\n${this.#output}`)
      last = (await this.status()) ?? last
      if (last !== undefined && met(last)) return last
    }
    const found = last?.resources.map(({ kind, name, state, table, rows, message }) =>
      [kind, name, state, table, rows, state === 'ready' ? '' : message].join(' '),
    )
    const problems = JSON.stringify(last?.problems)
    throw new Error(`not settled within a minute: ${JSON.stringify(found, null, 1)} with the problems ${problems}`)
  }
}
