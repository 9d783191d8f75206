import { Upstream } from '../origin/git/upstream.ts'
import { contentsOf, firstTree, type GitTree, isSameToRead } from './git-tree.ts'
import { SeenTrees } from './seen-trees.ts'

export const BRANCH = 'main'

/** A branch of a host's repository, and what each of its commits holds. */
export class GitBranch implements AsyncDisposable {
  readonly #upstream: Upstream
  readonly #apiUrl: string
  readonly #commits = new Map<string, GitTree>()
  /** Of those, what the host threw away. */
  readonly #collected = new Set<string>()
  #tip = ''
  #tree = firstTree
  #isMissing = true
  /** What it had in this round. */
  seen = new SeenTrees(firstTree)

  private constructor(upstream: Upstream, apiUrl: string) {
    this.#upstream = upstream
    this.#apiUrl = apiUrl
  }

  static async create(apiUrl: string): Promise<GitBranch> {
    const branch = new GitBranch(await Upstream.create(), apiUrl)
    await branch.commit(firstTree)
    return branch
  }

  /** The directory that the repository lies in. */
  get root(): string {
    return this.#upstream.root
  }

  get isMissing(): boolean {
    return this.#isMissing
  }

  /** Of the newest commit. */
  get tree(): GitTree {
    return this.#tree
  }

  beginRound(): void {
    this.seen = new SeenTrees(this.#tree)
  }

  /** Whether a revision says what the newest commit says. */
  isNewest(revision: string): boolean {
    const [branch, id = ''] = revision.split('@sha1:')
    const tree = this.#commits.get(id)
    return branch === BRANCH && tree !== undefined && isSameToRead(tree, this.#tree)
  }

  /** After the newest one, or as the first of a history of its own. */
  async commit(tree: GitTree, isOrphan = this.#isMissing): Promise<void> {
    const after = contentsOf(tree, this.#apiUrl)
    const before = isOrphan ? [] : contentsOf(this.#tree, this.#apiUrl).keys()
    const removed = [...before].filter((path) => !after.has(path)).map((path) => [path, undefined] as const)
    // The service may see it before git has told its id.
    this.seen.add(tree)
    const message = `Change ${this.#commits.size}`
    const id = await this.#upstream.commit(Object.fromEntries([...removed, ...after]), { isOrphan, message })
    this.#commits.set(id, tree)
    this.#collected.delete(id)
    this.#follow(id, tree)
  }

  /** The latest commits that the host still has, as they may be pushed again. */
  earlier(count: number): readonly (readonly [id: string, tree: GitTree])[] {
    return [...this.#commits].filter(([id]) => !this.#collected.has(id)).slice(-count)
  }

  /** A forced push of a commit that is there. */
  async force(id: string, tree: GitTree): Promise<void> {
    this.seen.add(tree)
    await this.#upstream.force(BRANCH, id)
    this.#follow(id, tree)
  }

  async delete(): Promise<void> {
    this.#isMissing = true
    await this.#upstream.deleteBranch(BRANCH)
  }

  /** Brings the deleted branch back as it was. */
  async restore(): Promise<void> {
    await this.force(this.#tip, this.#tree)
  }

  /** The host throws away what the branch does not lead to. */
  async collect(): Promise<void> {
    await this.#upstream.git('gc', '--quiet', '--prune=now')
    const kept = new Set((await this.#upstream.git('rev-list', BRANCH)).split('\n'))
    for (const id of this.#commits.keys()) if (!kept.has(id)) this.#collected.add(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]()
  }

  #follow(id: string, tree: GitTree): void {
    this.#tip = id
    this.#tree = tree
    this.#isMissing = false
  }
}
