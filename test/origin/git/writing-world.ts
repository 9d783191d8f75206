import { join } from 'node:path'
import { systemClock } from '../../../src/clock.ts'
import { BareRepository } from '../../../src/origin/git/bare-repository.ts'
import { branchPlace } from '../../../src/origin/git/branch-place.ts'
import { type GitCredentials, openGitAccess, parseGitAddress } from '../../../src/origin/git/git-access.ts'
import { gitRunner } from '../../../src/origin/git/git-command.ts'
import { type ManifestFiles, manifestFiles } from '../../../src/origin/manifest-files.ts'
import { read } from '../watched-directory.ts'
import { FollowedRepository, type FollowOptions } from './followed-repository.ts'
import { type Entry, Upstream } from './upstream.ts'

export interface WritingOptions extends FollowOptions {
  readonly author?: string
  /** Where the other side is reached; its path when absent. */
  readonly url?: string
}

/** A repository, one who follows its branch, and the manifests on it as they are changed by commits. */
export class WritingWorld implements AsyncDisposable {
  readonly upstream: Upstream
  readonly followed: FollowedRepository
  readonly files: ManifestFiles
  readonly #parts: AsyncDisposableStack
  /** What others do between fetch and push, a step each time; none when it is empty. */
  readonly meanwhile: (() => Promise<unknown>)[] = []
  /** How often it was pushed. */
  pushes = 0

  private constructor(upstream: Upstream, followed: FollowedRepository, options: WritingOptions) {
    this.upstream = upstream
    this.followed = followed
    this.#parts = new AsyncDisposableStack()
    this.#parts.use(upstream)
    this.#parts.use(followed)
    const { path = '', author, url = upstream.path, credentials = {} } = options
    const place = this.#parts.use(
      branchPlace({
        origin: followed.origin,
        repository: followed.repository,
        scratch: (dir) => this.#scratch(dir, url, credentials),
        scratchDir: join(followed.home, 'push'),
        path,
        clock: systemClock,
        ...(author === undefined ? {} : { author }),
      }),
    )
    this.files = manifestFiles({ place, read })
  }

  static async create(files: Readonly<Record<string, Entry>>, options: WritingOptions = {}): Promise<WritingWorld> {
    const upstream = await Upstream.create()
    await upstream.commit(files, { message: 'Begin' })
    return await WritingWorld.on(upstream, options)
  }

  static async on(upstream: Upstream, options: WritingOptions = {}): Promise<WritingWorld> {
    return new WritingWorld(upstream, await FollowedRepository.open(options.url ?? upstream.path, options), options)
  }

  /** What the commits of a branch say, the oldest first. */
  async messages(branch = 'main'): Promise<readonly string[]> {
    const log = await this.upstream.git('log', '--reverse', '--format=%B%x00', branch)
    return log.split('\0').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
  }

  async text(file: string, branch = 'main'): Promise<string> {
    return `${await this.upstream.git('show', `${branch}:${file}`)}\n`
  }

  /** By path: mode and id. */
  async tree(branch = 'main'): Promise<ReadonlyMap<string, string>> {
    const lines = (await this.upstream.git('ls-tree', '-r', branch)).split('\n').filter((line) => line !== '')
    return new Map(lines.map((line) => [line.split('\t')[1] ?? '', line.split('\t')[0] ?? '']))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }

  #scratch(dir: string, url: string, credentials: GitCredentials): BareRepository {
    const address = parseGitAddress(url)
    const run = gitRunner(process.env)
    return new BareRepository({
      dir,
      url: address.url,
      run: async (call) => {
        if (call.args.includes('push')) {
          this.pushes += 1
          await this.meanwhile.shift()?.()
        }
        return await run(call)
      },
      openAccess: () => openGitAccess(address, credentials, `${dir}-access`),
      timeoutMs: 20_000,
    })
  }
}
