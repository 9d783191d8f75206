import { expect } from 'vitest'
import { type CommitStatus, type CommitStatusOptions, commitStatus } from '../../src/observe/commit-status.ts'
import { FakeClock } from '../fake-clock.ts'
import { type Kind, type StatusApi, statusApi, TOKEN } from './status-api.ts'

export const SHA = 'a'.repeat(40)
export const NEXT = 'b'.repeat(40)

export const addresses: Readonly<Record<Kind, string>> = {
  github: 'https://github.com/acme/data.git',
  gitlab: 'git@gitlab.com:acme/tools/data.git',
  gitea: 'ssh://git@codeberg.org/acme/data.git',
}

export const soon = { timeout: 10_000, interval: 2 }

/** What was posted: the first letter of the commit, and its state. */
export const states = ({ posted }: StatusApi) => posted.map(({ sha, state }) => `${sha[0]} ${state}`)

export const asked = (api: { seen: readonly unknown[] }, times: number) =>
  expect.poll(() => api.seen.length, soon).toBe(times)

/** A git host, a reporter of statuses to it, and a clock between them. */
export class CommitStatusWorld implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly closing = new AsyncDisposableStack()
  readonly warned: object[] = []

  async open(kind: Kind = 'github', options: Partial<CommitStatusOptions> = {}) {
    const api = this.closing.use(await statusApi(kind, this.clock))
    return { api, status: this.reporter(kind, api, options) }
  }

  reporter(kind: Kind, { url }: { url: string }, options: Partial<CommitStatusOptions> = {}): CommitStatus {
    const { clock, closing, warned } = this
    const log = { warn: (fields: object, message: string) => void warned.push({ ...fields, message }) }
    const given = { address: addresses[kind], apiUrl: url, token: () => TOKEN, context: 'hermes/prod', clock, log }
    return closing.use(commitStatus({ ...given, ...options }))
  }

  /** The host has answered, and the next status waits for its time. */
  waits() {
    return expect.poll(() => this.clock.sleeping, soon).toBe(1)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.closing.disposeAsync()
  }
}
