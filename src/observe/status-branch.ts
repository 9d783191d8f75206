import type { Clock } from '../clock.ts'
import { HermesError, toHermesError } from '../errors.ts'
import type { StatusReport } from './status.ts'
import { type KnownStatus, knownStatus, type StatusCommit, statusCommit } from './status-change.ts'

/** A branch of files, wherever it is. */
export interface FileBranch {
  /** What it holds now: files by path, and when it last changed in milliseconds since the epoch, if it is there at all. */
  read(signal: AbortSignal): Promise<{ readonly files: ReadonlyMap<string, Uint8Array>; readonly committedAt?: number }>
  /** Adds a commit to what was last read or committed. False when it has changed since: nothing was written. */
  commit(commit: StatusCommit, signal: AbortSignal): Promise<boolean>
}

export interface StatusBranchOptions {
  readonly files: FileBranch
  /** For the log. */
  readonly branch: string
  /** The name of this service: what another one wrote is left alone (`status_branch_taken`). */
  readonly service: string
  /** Milliseconds from one commit to the next, at least. */
  readonly intervalMs: number
  readonly clock: Clock
  /** Told when the branch cannot be written, and again when the reason is another or it could be meanwhile. */
  readonly log: { warn(fields: object, message: string): void }
}

/** Keeps a branch in step with the reports it is given: one commit for all that changed, none for figures alone. */
export interface StatusBranch extends AsyncDisposable {
  /**
   * Has the branch say what the report says, soon or once the interval is over. Returns at once and never throws: what
   * fails is tried again, and of the reports that come in meanwhile the newest counts.
   */
  take(report: StatusReport): void
  /** The same at once; rejects when it fails. */
  publish(report: StatusReport, signal: AbortSignal): Promise<void>
  /**
   * Writes at once what waits for its time, and takes no more reports. Resolves when that is written, has failed, or took
   * five seconds, or when `abort` aborts; never rejects.
   */
  drain(abort: AbortSignal): Promise<void>
}

/** Changes come in flocks. */
const SOON_MS = 3_000
const FIRST_BACKOFF_MS = 5_000
const LONGEST_BACKOFF_MS = 300_000
/** For what is written at the end: a service that is told to stop shall stop. */
const DRAIN_MS = 5_000
/** How often somebody else may be faster. */
const ROUNDS = 4

/** Disposing it gives up what is under way and what waits; the next one begins with what the branch says. */
export function statusBranch(options: StatusBranchOptions): StatusBranch {
  return new Publisher(options)
}

interface Known extends KnownStatus {
  readonly committedAt: number
}

class Publisher implements StatusBranch {
  readonly #options: StatusBranchOptions
  readonly #closing = new AbortController()
  /** Aborts when nothing more is to be waited for. */
  readonly #ending = new AbortController()
  #known: Known | undefined
  #next: StatusReport | undefined
  #working: Promise<void> | undefined
  #failures = 0
  #trouble = ''

  constructor(options: StatusBranchOptions) {
    this.#options = options
  }

  take(report: StatusReport): void {
    if (!isInForce(report) || this.#ending.signal.aborted) return
    this.#next = report
    this.#working ??= this.#work(this.#closing.signal)
  }

  async publish(report: StatusReport, signal: AbortSignal): Promise<void> {
    if (!isInForce(report)) return
    for (let round = 0; round < ROUNDS; round += 1) {
      const found = await statusCommit(await this.#read(signal), report)
      if (found === undefined) return
      // Whatever ends the attempt: what the branch says has to be read again.
      this.#known = undefined
      const committedAt = this.#options.clock.now()
      if (await this.#options.files.commit(found.commit, signal)) {
        this.#known = { ...found.after, committedAt }
        return
      }
    }
    throw new HermesError('git_push_refused', `${this.#options.branch} has moved at each of ${ROUNDS} attempts`)
  }

  async drain(abort: AbortSignal): Promise<void> {
    this.#ending.abort()
    if (this.#working === undefined) return
    const over = new AbortController()
    const late = this.#options.clock.sleep(DRAIN_MS, AbortSignal.any([over.signal, abort])).catch(() => undefined)
    await Promise.race([this.#working, late])
    over.abort()
    if (this.#next !== undefined)
      this.#tell(new HermesError('service_stopping', 'the service stopped before it was written'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    this.#closing.abort()
    await this.#working
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (this.#next !== undefined && !signal.aborted) {
      await this.#attempt(signal).catch((error: unknown) => this.#backOff(error, signal))
    }
    this.#working = undefined
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    await this.#settle(signal)
    if (this.#next !== undefined) await this.#untilDue(signal)
    const report = this.#next
    if (report === undefined) return
    await this.publish(report, signal)
    if (this.#next === report) this.#next = undefined
    this.#failures = 0
    this.#trouble = ''
  }

  /** After a start everything is on its way for a moment: that is not worth a commit, unless it lasts. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options
    const latest = clock.now() + intervalMs
    do await this.#sleep(SOON_MS, signal)
    while (this.#hasUnseen() && clock.now() < latest && !this.#ending.signal.aborted)
    if (this.#ending.signal.aborted && this.#hasUnseen()) this.#next = undefined
  }

  #hasUnseen(): boolean {
    return this.#next?.resources.some(isUnseen) === true
  }

  /** Not longer than until the end has come. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const ending = this.#ending.signal
    if (ending.aborted) return
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, ending])).catch((error: unknown) => {
      if (signal.aborted) throw error
    })
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#options
    const { committedAt } = await this.#read(signal)
    const now = clock.now()
    // Who committed last may have another clock.
    const waitMs = Math.min(committedAt, now) + intervalMs - now
    if (waitMs > 0) await this.#sleep(waitMs, signal)
  }

  async #read(signal: AbortSignal): Promise<Known> {
    if (this.#known !== undefined) return this.#known
    const { files, branch, service } = this.#options
    const content = await files.read(signal)
    this.#known = {
      ...knownStatus(content.files, branch, service),
      committedAt: content.committedAt ?? Number.NEGATIVE_INFINITY,
    }
    return this.#known
  }

  async #backOff(thrown: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    this.#tell(toHermesError(thrown))
    this.#known = undefined
    this.#failures += 1
    // There is no later then.
    if (this.#ending.signal.aborted) this.#next = undefined
    const backoffMs = FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures - 1, 10)
    await this.#sleep(Math.min(backoffMs, LONGEST_BACKOFF_MS), signal).catch(() => undefined)
  }

  #tell({ code, message }: HermesError): void {
    const { branch, log } = this.#options
    if (message !== this.#trouble) log.warn({ branch, code, error: message }, 'status branch not written')
    this.#trouble = message
  }
}

/** Before any revision is in force there is nothing to tell; an empty repository would even get this branch as its own. */
function isInForce({ revision }: StatusReport): boolean {
  return revision !== ''
}

function isUnseen({ reason }: StatusReport['resources'][number]): boolean {
  return reason === 'Reconciling'
}
