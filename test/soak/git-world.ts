import { HttpGitServer } from '../origin/git/http-server.ts'
import type { Random } from '../random.ts'
import { BRANCH, GitBranch } from './git-branch.ts'
import { begin, end, outages } from './git-outage.ts'
import { MANIFESTS } from './git-tree.ts'
import { randomCommit } from './random-commit.ts'
import type { SeenTrees } from './seen-trees.ts'
import type { WorldSources } from './world-source.ts'

/** Forced pushes go back so many commits at most. */
const FARTHEST_BACK = 12

/** A repository that people commit to, behind a server that fails now and then. */
export class GitWorld implements AsyncDisposable {
  readonly #branch: GitBranch
  readonly #server: HttpGitServer
  readonly #random: Random
  #serial = 0
  #isFailing = false
  #acts = 0
  /** What was done in this round; for a failing test's message. */
  readonly story: string[] = []

  private constructor(branch: GitBranch, server: HttpGitServer, random: Random) {
    this.#branch = branch
    this.#server = server
    this.#random = random
  }

  static async create(apiUrl: string, random: Random): Promise<GitWorld> {
    const branch = await GitBranch.create(apiUrl)
    return new GitWorld(branch, await HttpGitServer.start({ root: branch.root }), random)
  }

  get url(): string {
    return this.#server.url()
  }

  get ref(): string {
    return `refs/heads/${BRANCH}`
  }

  /** What `hermes serve` is told of it. */
  get flags(): readonly string[] {
    return ['--git', this.url, '--branch', BRANCH, '--path', MANIFESTS, '--interval', '1s']
  }

  /** What the newest commit wants. */
  get sources(): WorldSources {
    return this.#branch.tree.sources
  }

  /** What the branch had in this round. */
  get seen(): SeenTrees {
    return this.#branch.seen
  }

  /** How often something was done, in all rounds. */
  get acts(): number {
    return this.#acts
  }

  /** Whether the server works, and the newest commit is there and sound. */
  get isWhole(): boolean {
    return !this.#isFailing && !this.#branch.isMissing && this.#isSound
  }

  beginRound(): void {
    this.#branch.beginRound()
    this.story.length = 0
  }

  /** Whether a revision says what the newest commit says. */
  isNewest(revision: string): boolean {
    return this.#branch.isNewest(revision)
  }

  /** Somebody commits or forces something, or something fails or works again. */
  async act(): Promise<void> {
    this.#acts += 1
    const chance = this.#random.next()
    if (chance < 0.55) await this.#commit('commit')
    else if (chance < 0.65) await this.#rewind()
    else if (chance < 0.72) await this.#commit('rewrite')
    else if (chance < 0.79) await this.#deleteOrRestore()
    else if (chance < 0.83) await this.#movePath()
    else if (chance < 0.85) await this.#collect()
    else if (chance < 0.94) await this.#fail()
    else await this.#work()
  }

  /** Makes everything whole again. */
  async heal(): Promise<void> {
    if (this.#isFailing) await this.#work()
    if (!this.#isSound) {
      this.#tell('mend')
      await this.#branch.commit({ ...this.#branch.tree, broken: new Map(), directory: MANIFESTS })
    }
    if (this.#branch.isMissing) await this.#deleteOrRestore()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
    await this.#branch[Symbol.asyncDispose]()
  }

  get #isSound(): boolean {
    const { broken, directory } = this.#branch.tree
    return broken.size === 0 && directory === MANIFESTS
  }

  /** A change on top of the newest commit, or in a history that has nothing in common with it. */
  async #commit(how: 'commit' | 'rewrite'): Promise<void> {
    this.#serial += 1
    const tree = randomCommit(this.#branch.tree, this.#random, this.#serial)
    if (!this.seen.mayBecome(tree)) return
    this.#tell(how)
    if (how === 'commit') await this.#branch.commit({ ...tree, directory: MANIFESTS })
    else await this.#branch.commit(tree, true)
  }

  /** A forced push back to an earlier commit. */
  async #rewind(): Promise<void> {
    const [id, tree] = this.#random.pick(this.#branch.earlier(FARTHEST_BACK))
    if (!this.seen.mayBecome(tree)) return
    this.#tell(`rewind to ${id}`)
    await this.#branch.force(id, tree)
  }

  async #deleteOrRestore(): Promise<void> {
    const { isMissing } = this.#branch
    this.#tell(isMissing ? 'restore the branch' : 'delete the branch')
    await (isMissing ? this.#branch.restore() : this.#branch.delete())
  }

  /** The directory of the manifests is not where it was. */
  async #movePath(): Promise<void> {
    this.#tell('move the path')
    await this.#branch.commit({ ...this.#branch.tree, directory: 'elsewhere' })
  }

  async #collect(): Promise<void> {
    if (this.#branch.isMissing) return
    this.#tell('collect garbage')
    await this.#branch.collect()
  }

  async #fail(): Promise<void> {
    const outage = this.#random.pick(outages)
    this.#tell(outage)
    this.#isFailing = true
    await begin(this.#server, outage)
  }

  async #work(): Promise<void> {
    this.#tell('work')
    this.#isFailing = false
    await end(this.#server)
  }

  #tell(what: string): void {
    this.story.push(`${new Date().toISOString()} ${what}`)
  }
}
