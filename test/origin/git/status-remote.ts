import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../src/clock.ts'
import { BareRepository } from '../../../src/origin/git/bare-repository.ts'
import { type BranchWriter, type BranchWriterOptions, branchWriter } from '../../../src/origin/git/branch-writer.ts'
import { type GitCredentials, openGitAccess, parseGitAddress } from '../../../src/origin/git/git-access.ts'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { run, Upstream } from './upstream.ts'

export const BRANCH = 'hermes-status'

/** The other side, seen as the place of a status branch, with room beside it for the repositories of writers. */
export class StatusRemote implements AsyncDisposable {
  readonly upstream: Upstream

  private constructor(upstream: Upstream) {
    this.upstream = upstream
  }

  static async create(): Promise<StatusRemote> {
    return new StatusRemote(await Upstream.create())
  }

  /** Git in the repository itself. */
  git(...args: readonly string[]): Promise<string> {
    return this.upstream.git(...args)
  }

  /** What its commits say in their first line, the newest first. */
  async subjects(branch = BRANCH): Promise<readonly string[]> {
    return this.#linesOf(branch, 'log', '--format=%s')
  }

  async files(branch = BRANCH): Promise<readonly string[]> {
    return this.#linesOf(branch, 'ls-tree', '-r', '--name-only')
  }

  file(path: string): Promise<string> {
    return this.git('show', `refs/heads/${BRANCH}:${path}`)
  }

  /** A commit of somebody else, on whatever is there. */
  async commit(files: Readonly<Record<string, string>>, branch = BRANCH): Promise<void> {
    await this.upstream.commit(files, { branch, message: 'by somebody else' })
  }

  async hook(name: string, script: string): Promise<void> {
    const path = join(this.upstream.path, 'hooks', name)
    await mkdir(join(this.upstream.path, 'hooks'), { recursive: true })
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
  }

  /** From now on nobody finds it, until `comeBack`. */
  goAway(): Promise<void> {
    return rename(this.upstream.path, `${this.upstream.path}.away`)
  }

  comeBack(): Promise<void> {
    return rename(`${this.upstream.path}.away`, this.upstream.path)
  }

  /** Where a writer of this name keeps its repository. */
  home(name: string): string {
    return join(this.upstream.root, name)
  }

  repository(name: string, url = this.upstream.path, credentials: GitCredentials = {}): BareRepository {
    const address = parseGitAddress(url)
    return new BareRepository({
      dir: join(this.home(name), 'clone'),
      url: address.url,
      run: gitRunner(process.env),
      openAccess: () => openGitAccess(address, credentials, join(this.home(name), 'access')),
      timeoutMs: 20_000,
    })
  }

  /** Of the same name: one after another on the same repository of their own, as after a restart. */
  writer(name: string, clock: Clock, options: Partial<BranchWriterOptions> = {}): BranchWriter {
    const repository = this.repository(name)
    return branchWriter({ repository, branch: BRANCH, followsDefault: false, clock, ...options })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream[Symbol.asyncDispose]()
  }

  async #linesOf(branch: string, ...args: readonly string[]): Promise<readonly string[]> {
    if ((await this.upstream.tip(branch)) === undefined) return []
    const text = await run('git', ['--git-dir', this.upstream.path, ...args, `refs/heads/${branch}`])
    return text === '' ? [] : text.split('\n')
  }
}
