import type { Clock } from '../clock.ts'
import { HermesError } from '../errors.ts'
import { commitState, supersededBy } from './commit-state.ts'
import { type PendingCommits, pendingCommits } from './pending-commits.ts'
import { type RepositoryAddress, repositoryAddress } from './repository-address.ts'
import type { StatusReport } from './status.ts'
import { statusHost } from './status-hosts/hosts.ts'
import { type Poster, type PostResult, statusPoster } from './status-hosts/post.ts'
import type { CommitStatusUpdate } from './status-hosts/status-host.ts'

export interface CommitStatusOptions {
  /** Of the watched repository. */
  readonly address: string
  /** `github`, `gitlab` or `gitea`; needed where the host's name does not tell. */
  readonly provider?: string
  /** Where the host's API is, when not where its kind has it. */
  readonly apiUrl?: string
  /** Asked at every request, as tokens expire and are replaced. */
  readonly token: () => string | undefined
  /** `hermes/<name>`: what the status is called at the host. */
  readonly context: string
  /** Certificates, PEM, that are trusted beside the machine's. */
  readonly ca?: string
  /** A file to keep in which commits are pending, for the process after this one; absent: it does not know of them. */
  readonly pendingFile?: string
  readonly clock: Clock
  /** Told once when the host cannot be told, and again only after it could be. */
  readonly log: { warn(fields: object, message: string): void }
}

/** Keeps the status of the watched commit at its Git host in step with the reports it is given. */
export interface CommitStatus extends AsyncDisposable {
  /**
   * The status of a revision (`main@sha1:<id>`); one without a commit is passed over. Returns at once and never throws:
   * of reports that come in while one is sent, or while the host wants to be left alone, the newest is sent. What the
   * commit has already is not sent again. Commits that were left pending are told what superseded them, after the newest.
   */
  report(revision: string, report: StatusReport): void
}

/** Throws `setting_invalid` when the host is of no known kind. Disposing it gives up what is under way. */
export function commitStatus(options: CommitStatusOptions): CommitStatus {
  const repository = repositoryAddress(options.address)
  if (repository === undefined || (repository.host === '' && options.apiUrl === undefined)) throw noHost()
  const host = statusHost(repository, options.provider)
  const apiUrl = (options.apiUrl ?? host.apiUrl(repository)).replace(/\/+$/, '')
  return new Reporter(options, statusPoster({ host, repository, apiUrl, ca: options.ca }), repository)
}

/** Between two requests, in milliseconds. */
const SPACING_MS = 5_000
const LONGEST_BACKOFF_MS = 300_000
/** Commits whose status is remembered. */
const REMEMBERED = 100

class Reporter implements CommitStatus {
  readonly #options: CommitStatusOptions
  readonly #poster: Poster
  readonly #repository: RepositoryAddress
  readonly #closing = new AbortController()
  /** What the host was told, by commit. */
  readonly #told = new Map<string, string>()
  readonly #pending: PendingCommits
  /** Of the last report. */
  #newest: CommitStatusUpdate | undefined
  #working: Promise<void> = Promise.resolve()
  #isWorking = false
  #notBefore = 0
  #failures = 0
  #troubled = false

  constructor(options: CommitStatusOptions, poster: Poster, repository: RepositoryAddress) {
    this.#options = options
    this.#poster = poster
    this.#repository = repository
    this.#pending = pendingCommits(options.pendingFile)
  }

  report(revision: string, report: StatusReport): void {
    const sha = commitOf(revision)
    if (sha === undefined || this.#closing.signal.aborted) return
    this.#newest = { sha, context: this.#options.context, ...commitState(report) }
    if (!this.#isWorking) this.#working = this.#work()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#working
    await this.#poster.close()
  }

  /** Until the host knows the newest, and what became of the others. */
  async #work(): Promise<void> {
    const { signal } = this.#closing
    this.#isWorking = true
    while (!signal.aborted) {
      const next = this.#next()
      if (next === undefined && this.#pending.isLoaded) break
      const waitMs = this.#notBefore - this.#options.clock.now()
      if (next === undefined) await this.#pending.load()
      else if (waitMs > 0) await this.#options.clock.sleep(waitMs, signal).catch(() => undefined)
      else await this.#send(next)
    }
    this.#isWorking = false
  }

  /** What the host does not know yet. */
  #next(): CommitStatusUpdate | undefined {
    const newest = this.#newest
    if (newest === undefined) return undefined
    if (this.#told.get(newest.sha) !== mark(newest)) return newest
    const left = this.#pending.oldestBut(newest.sha)
    return left && { ...left, ...supersededBy(newest.sha) }
  }

  async #send(update: CommitStatusUpdate): Promise<void> {
    const result = await this.#post(update)
    if (this.#closing.signal.aborted) return
    if (result.outcome === 'done') this.#troubled = false
    else this.#tell(update, result)
    this.#failures = result.outcome === 'failed' ? this.#failures + 1 : 0
    if (result.outcome !== 'failed') {
      this.#remember(update)
      // What the host refused for good it does not show as pending either.
      await this.#pending.note(update, update.state === 'pending' && result.outcome === 'done')
    }
    const backoffMs = Math.min(SPACING_MS * 2 ** Math.min(this.#failures, 10), LONGEST_BACKOFF_MS)
    this.#notBefore = this.#options.clock.now() + Math.max(backoffMs, result.waitMs)
  }

  async #post(update: CommitStatusUpdate): Promise<PostResult> {
    const { clock } = this.#options
    const token = this.#token()
    if (token === undefined || token === '') return { outcome: 'failed', waitMs: 0, error: 'there is no token' }
    return await this.#poster.post(update, token, clock, this.#closing.signal)
  }

  #token(): string | undefined {
    try {
      return this.#options.token()
    } catch {
      return undefined
    }
  }

  #tell({ sha }: CommitStatusUpdate, { error }: PostResult): void {
    if (!this.#troubled) {
      const { host, path } = this.#repository
      this.#options.log.warn({ repository: `${host}/${path}`, commit: sha, error }, 'commit status not reported')
    }
    this.#troubled = true
  }

  #remember(update: CommitStatusUpdate): void {
    this.#told.delete(update.sha)
    this.#told.set(update.sha, mark(update))
    const [oldest] = this.#told.keys()
    if (this.#told.size > REMEMBERED && oldest !== undefined) this.#told.delete(oldest)
  }
}

function mark({ state, description }: CommitStatusUpdate): string {
  return `${state} ${description}`
}

/** `main@sha1:<id>`, `sha1:<id>` or the id alone. */
function commitOf(revision: string): string | undefined {
  return /^(?:.*@)?(?:sha1:)?([0-9a-f]{40})$/.exec(revision)?.[1]
}

function noHost(): HermesError {
  return new HermesError('setting_invalid', 'the status of commits cannot be reported: the repository has no host', {
    fix: 'Watch it over https or ssh, or leave the status of commits out.',
  })
}
