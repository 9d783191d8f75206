import { HttpGitServer } from '../origin/git/http-server.ts'
import { Upstream } from '../origin/git/upstream.ts'
import type { Random } from '../random.ts'
import { begin, end, outages } from './git-outage.ts'
import { contentsOf, firstTree, type GitTree, isSameToRead, MANIFESTS } from './git-tree.ts'
import { randomCommit } from './random-commit.ts'
import { SeenTrees } from './seen-trees.ts'
import type { WorldSources } from './world-source.ts'

const BRANCH = 'main'
/** Forced pushes go back so many commits at most. */
const FARTHEST_BACK = 12

/** A repository that people commit to, behind a server that fails now and then. */
export class GitWorld implements AsyncDisposable {
  readonly #upstream: Upstream
  readonly #server: HttpGitServer
  readonly #apiUrl: string
  readonly #random: Random
  readonly #commits = new Map<string, GitTree>()
  /** Of those, what the host threw away. */
  readonly #collected = new Set<string>()
  #tip = ''
  #tree = firstTree
  #serial = 0
  #isMissing = false
  #seen = new SeenTrees(firstTree)
  #acts = 0
  /** What was done in this round; for a failing test's message. */
  readonly story: string[] = []

  private constructor(parts: Parts) {
    this.#upstream = parts.upstream
    this.#server = parts.server
    this.#apiUrl = parts.apiUrl
    this.#random = parts.random
  }

  static async create(apiUrl: string, random: Random): Promise<GitWorld> {
    const upstream = await Upstream.create()
    const server = await HttpGitServer.start({ root: upstream.root })
    const world = new GitWorld({ upstream, server, apiUrl, random })
    await world.#commit(firstTree)
    return world
  }

  get url(): string {
    return this.#server.url()
  }

  /** What `hermes serve` is told of it. */
  get flags(): readonly string[] {
    return ['--git', this.url, '--branch', BRANCH, '--path', MANIFESTS, '--interval', '1s']
  }

  get ref(): string {
    return `refs/heads/${BRANCH}`
  }

  /** What the newest commit wants. */
  get sources(): WorldSources {
    return this.#tree.sources
  }

  /** What the branch had in this round. */
  get seen(): SeenTrees {
    return this.#seen
  }

  /** How often something was done, in all rounds. */
  get acts(): number {
    return this.#acts
  }

  beginRound(): void {
    this.#seen = new SeenTrees(this.#tree)
    this.story.length = 0
  }

  /** Whether a revision says what the newest commit says. */
  isNewest(revision: string): boolean {
    const [branch, id = ''] = revision.split('@sha1:')
    const tree = this.#commits.get(id)
    return branch === BRANCH && tree !== undefined && isSameToRead(tree, this.#tree)
  }

  /** Somebody commits or forces something, or something fails or works again. */
  async act(): Promise<void> {
    this.#acts += 1
    const chance = this.#random.next()
    if (chance < 0.55) await this.#edit()
    else if (chance < 0.65) await this.#rewind()
    else if (chance < 0.72) await this.#rewrite()
    else if (chance < 0.79) await this.#deleteBranch()
    else if (chance < 0.83) await this.#movePath()
    else if (chance < 0.85) await this.#collect()
    else if (chance < 0.94) await this.#fail()
    else await this.#work()
  }

  /** Everything works again, and the newest commit is whole. */
  async heal(): Promise<void> {
    await this.#work()
    const { broken, directory } = this.#tree
    if (broken.size > 0 || directory !== MANIFESTS) {
      this.#tell('mend')
      await this.#commit({ ...this.#tree, broken: new Map(), directory: MANIFESTS })
    }
    if (this.#isMissing) await this.#point(this.#tip)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
    await this.#upstream[Symbol.asyncDispose]()
  }

  async #edit(): Promise<void> {
    this.#serial += 1
    const tree = randomCommit(this.#tree, this.#random, this.#serial)
    if (!this.#seen.mayBecome(tree)) return
    this.#tell('commit')
    await this.#commit({ ...tree, directory: MANIFESTS })
  }

  /** A forced push back to an earlier commit. */
  async #rewind(): Promise<void> {
    const known = [...this.#commits.keys()].filter((id) => !this.#collected.has(id))
    const id = this.#random.pick(known.slice(-FARTHEST_BACK))
    const tree = this.#commits.get(id)
    if (tree === undefined || !this.#seen.mayBecome(tree)) return
    this.#tell('rewind')
    this.#follow(id, tree)
    await this.#point(id)
  }

  /** A forced push of a history that has nothing in common with the one before. */
  async #rewrite(): Promise<void> {
    this.#serial += 1
    const tree = randomCommit(this.#tree, this.#random, this.#serial)
    if (!this.#seen.mayBecome(tree)) return
    this.#tell('rewrite')
    await this.#commit(tree, true)
  }

  async #deleteBranch(): Promise<void> {
    if (this.#isMissing) return this.#point(this.#tip)
    this.#tell('delete the branch')
    this.#isMissing = true
    await this.#upstream.deleteBranch(BRANCH)
  }

  /** The directory of the manifests is not where it was. */
  async #movePath(): Promise<void> {
    this.#tell('move the path')
    await this.#commit({ ...this.#tree, directory: 'elsewhere' })
  }

  /** The host throws away what no branch leads to any more. */
  async #collect(): Promise<void> {
    if (this.#isMissing) return
    this.#tell('collect garbage')
    await this.#upstream.git('gc', '--quiet', '--prune=now')
    const kept = new Set((await this.#upstream.git('rev-list', BRANCH)).split('\n'))
    for (const id of this.#commits.keys()) if (!kept.has(id)) this.#collected.add(id)
  }

  async #fail(): Promise<void> {
    const outage = this.#random.pick(outages)
    this.#tell(outage)
    await begin(this.#server, outage)
  }

  async #work(): Promise<void> {
    this.#tell('work')
    await end(this.#server)
  }

  async #commit(tree: GitTree, isOrphan = this.#isMissing || this.#tip === ''): Promise<void> {
    const after = contentsOf(tree, this.#apiUrl)
    const before = isOrphan ? [] : contentsOf(this.#tree, this.#apiUrl).keys()
    const removed = [...before].filter((path) => !after.has(path)).map((path) => [path, undefined] as const)
    // The service may see it before git has told its id.
    this.#seen.add(tree)
    const message = `Change ${this.#commits.size}`
    const id = await this.#upstream.commit(Object.fromEntries([...removed, ...after]), { isOrphan, message })
    this.#isMissing = false
    this.#follow(id, tree)
  }

  /** A ref that is there, not a new commit. */
  async #point(id: string): Promise<void> {
    this.#tell(`point to ${id}`)
    this.#isMissing = false
    await this.#upstream.force(BRANCH, id)
  }

  #follow(id: string, tree: GitTree): void {
    this.#commits.set(id, tree)
    this.#collected.delete(id)
    this.#seen.add(tree)
    this.#tip = id
    this.#tree = tree
  }

  #tell(what: string): void {
    this.story.push(`${new Date().toISOString()} ${what}`)
  }
}

interface Parts {
  readonly upstream: Upstream
  readonly server: HttpGitServer
  readonly apiUrl: string
  readonly random: Random
}
