import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type GitAccess,
  type GitCredentials,
  openGitAccess,
  parseGitAddress,
} from '../../../src/origin/git/git-access.ts'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { gitOrigin, type RepositoryOrigin } from '../../../src/origin/git/git-origin.ts'
import type { GitRef } from '../../../src/origin/git/git-ref.ts'
import { GitRepository } from '../../../src/origin/git/repository.ts'
import { openVerifier, type Trust } from '../../../src/origin/git/verify.ts'
import type { Snapshot } from '../../../src/origin/origin.ts'
import { read } from '../watched-directory.ts'
import { run } from './upstream.ts'

export interface FollowOptions {
  readonly ref?: GitRef
  readonly path?: string
  readonly credentials?: GitCredentials
  readonly trust?: Trust | undefined
  readonly intervalMs?: number
  readonly timeoutMs?: number
  /** Where clones lie; a directory of its own when absent. */
  readonly home?: string
  /** What git finds its programs by; this process's when absent. */
  readonly programs?: string | undefined
}

/** An origin on a repository, as the service opens one, and the snapshots it gave. */
export class FollowedRepository implements AsyncDisposable {
  readonly #parts: AsyncDisposableStack
  readonly #closing = new AbortController()
  readonly #url: string
  readonly #options: FollowOptions
  readonly home: string
  readonly origin: RepositoryOrigin
  readonly repository: GitRepository
  readonly snapshots: Snapshot[] = []
  /** What was logged. */
  readonly logged: string[]
  /** The files that were parsed, in turn. */
  readonly parsed: string[]
  #watching: Promise<void> | undefined

  private constructor(url: string, options: FollowOptions, parts: Parts) {
    this.#url = url
    this.#options = options
    this.#parts = parts.stack
    this.home = parts.home
    this.origin = parts.origin
    this.repository = parts.repository
    this.logged = parts.logged
    this.parsed = parts.parsed
  }

  static async open(url: string, options: FollowOptions = {}): Promise<FollowedRepository> {
    const home = options.home ?? (await mkdtemp(join(tmpdir(), 'hermes-git-')))
    try {
      return new FollowedRepository(url, options, await openParts(url, home, options))
    } catch (error) {
      if (options.home === undefined) await rm(home, { recursive: true })
      throw error
    }
  }

  /** Of the bare clone. */
  get clone(): string {
    return join(this.home, 'clone')
  }

  /** Runs git in the clone. */
  git(...args: readonly string[]): Promise<string> {
    return run('git', ['--git-dir', this.clone, ...args])
  }

  /** Looks at the repository now. */
  read(): Promise<Snapshot> {
    this.origin.wake()
    return this.origin.read(this.#closing.signal)
  }

  /** Starts to follow. */
  watch(): void {
    this.#watching ??= (async () => {
      for await (const snapshot of this.origin.snapshots(this.#closing.signal)) this.snapshots.push(snapshot)
    })()
  }

  /** The latest snapshot, as soon as it fulfils `wish`. */
  async until(wish: (snapshot: Snapshot) => boolean, withinMs = 15_000): Promise<Snapshot> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const last = this.snapshots.at(-1)
      if (last !== undefined && wish(last)) return last
      if (performance.now() > deadline) throw new Error(`not so after ${withinMs} ms: ${last?.revision}`)
      await sleep(5)
    }
  }

  /** Another process on the same data directory, after this one has ended. */
  async restart(options: FollowOptions = {}): Promise<FollowedRepository> {
    await this.close()
    return await FollowedRepository.open(this.#url, { ...this.#options, ...options, home: this.home })
  }

  /** Ends, and leaves the data directory. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#watching
    await this.#parts.disposeAsync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await rm(this.home, { recursive: true, force: true })
  }
}

interface Parts {
  readonly stack: AsyncDisposableStack
  readonly home: string
  readonly origin: RepositoryOrigin
  readonly repository: GitRepository
  readonly logged: string[]
  readonly parsed: string[]
}

async function openParts(url: string, home: string, options: FollowOptions): Promise<Parts> {
  const { ref, path = '', credentials = {}, trust, intervalMs = 60_000, timeoutMs = 30_000 } = options
  const dir = join(home, 'clone')
  const address = parseGitAddress(url)
  const variables = { PATH: options.programs ?? process.env['PATH'] }
  await using stack = new AsyncDisposableStack()
  const openAccess = (): Promise<GitAccess> => openGitAccess(address, credentials, `${dir}-access`)
  const repository = new GitRepository({ dir, url: address.url, ref, run: gitRunner(variables), openAccess, timeoutMs })
  const importKeys = gitRunner(variables, {}, 'gpg')
  const verifier = trust && stack.use(await openVerifier(repository, trust, { dir: `${dir}-trust`, importKeys }))
  const logged: string[] = []
  const parsed: string[] = []
  const origin = stack.use(
    gitOrigin({
      repository,
      address: address.url,
      path,
      read: (content, file, lists) => {
        parsed.push(file)
        return read(content, file, lists)
      },
      intervalMs,
      ...(verifier === undefined ? {} : { verify: verifier.verify }),
      log: { warn: (fields, message) => logged.push(`${message} ${JSON.stringify(fields)}`) },
    }),
  )
  return { stack: stack.move(), home, origin, repository, logged, parsed }
}
