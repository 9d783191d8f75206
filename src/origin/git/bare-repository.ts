import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HermesError } from '../../errors.ts'
import { configEnv } from './config-env.ts'
import type { GitAccess } from './git-access.ts'
import type { GitAnswer, RunGit } from './git-command.ts'
import { gitFailure } from './git-failure.ts'
import { removeBeginnings } from './leftovers.ts'
import { Patience } from './patience.ts'

export interface BareRepositoryOptions {
  /** Created when missing; a lost or damaged one costs a fetch and nothing else. */
  readonly dir: string
  readonly url: string
  readonly run: RunGit
  /** Asked before each exchange with the other side, so that credentials that changed are the ones used. */
  readonly openAccess: () => Promise<GitAccess>
  /** Milliseconds that the other side may be silent in an exchange. */
  readonly timeoutMs: number
}

/** A small repository without a work tree, and git in it. Failures are HermesErrors by what has to be done about them. */
export class BareRepository {
  readonly #options: BareRepositoryOptions

  constructor(options: BareRepositoryOptions) {
    this.#options = options
  }

  /** Makes it where there is none. */
  async open(signal: AbortSignal): Promise<void> {
    const { dir, run } = this.#options
    if ((await stat(join(dir, 'config')).catch(() => undefined)) !== undefined) return
    const making = `${dir}.making`
    await rm(making, { recursive: true, force: true })
    await mkdir(dirname(dir), { recursive: true })
    const answer = await run({ args: ['init', '--quiet', '--bare', '--template=', making], signal })
    if (answer.code !== 0) throw gitFailure('create the repository', answer)
    await writeFile(join(making, 'config'), config)
    await rm(dir, { recursive: true, force: true })
    await rename(making, dir)
  }

  /** Throws it away: the next `open` makes it anew. */
  async remove(): Promise<void> {
    await rm(this.#options.dir, { recursive: true, force: true })
  }

  /** What git prints; `what` stands in the error when it fails. */
  async local(
    what: string,
    args: readonly string[],
    signal: AbortSignal,
    stdin?: string | Uint8Array,
  ): Promise<Buffer> {
    const { dir, run } = this.#options
    const answer = await run({
      args: ['--git-dir', dir, ...args],
      signal,
      ...(stdin === undefined ? {} : { stdin }),
    })
    if (answer.code !== 0) throw gitFailure(what, answer)
    return answer.stdout
  }

  /** How git ended that speaks with the other side, by the name of `origin`; `git_unreachable` when it did not in time. */
  async remote(what: string, args: readonly string[], signal: AbortSignal): Promise<GitAnswer> {
    const { dir, url, run, openAccess, timeoutMs } = this.#options
    await using access = await openAccess()
    using patience = new Patience(timeoutMs)
    const env = { ...access.env, ...configEnv([['remote.origin.url', url]], access.env) }
    try {
      const either = AbortSignal.any([signal, patience.signal])
      const heard = () => patience.heard()
      return await run({ args: ['--git-dir', dir, ...args], env, signal: either, heard })
    } catch (error) {
      await removeBeginnings(dir)
      signal.throwIfAborted()
      if (!patience.signal.aborted) throw error
      throw new HermesError('git_unreachable', `${what}: no answer for ${timeoutMs / 1_000} s`)
    }
  }
}

const config = `[core]
	repositoryformatversion = 0
	bare = true
[gc]
	autoDetach = false
	pruneExpire = now
`
