import type { Clock } from '../clock.ts'
import { toHermesError } from '../errors.ts'
import type { Log } from '../stream/connector.ts'

/**
 * A position is written so many milliseconds after it moved: what came behind it then comes twice after a crash. The first
 * one is written at once: without any a source would begin anew, where what it began with may have been rotated away.
 */
const SAVE_MS = 200
/** Milliseconds that a save may take, and all that is left to save at the end. */
const LONGEST_SAVE_MS = 10_000
const LONGEST_END_MS = 2_000

/** Where workflows stand whose sources keep no place of their own. */
export interface Positions {
  read(): Promise<ReadonlyMap<string, unknown>>
  /** An abort gives up: whether they are saved is not known then. */
  save(positions: ReadonlyMap<string, unknown>, signal: AbortSignal): Promise<void>
}

export interface PositionKeeperOptions {
  readonly workflow: string
  readonly positions: Positions
  readonly clock: Clock
  readonly log: Log
}

/** Keeps a workflow's position: writes it down now and then, and at the end. */
export class PositionKeeper {
  readonly #options: PositionKeeperOptions
  readonly #ending = new AbortController()
  /** Ends a save that takes too long at the end. */
  readonly #giveUp = new AbortController()
  #position: unknown
  #state: unknown
  #isDirty = false
  #saving: Promise<void> | undefined
  /** Of writes: one after the other, so that no older position comes to stand over a newer one. */
  #turn: Promise<void> = Promise.resolve()

  constructor(options: PositionKeeperOptions) {
    this.#options = options
  }

  /** What is durable; undefined for the source's beginning. */
  get position(): unknown {
    return this.#position
  }

  /** Where the source goes on, and what the steps have to know of what came before. */
  async read(): Promise<{ readonly position: unknown; readonly state: unknown }> {
    const { workflow, positions } = this.#options
    if (!this.#isDirty) {
      const kept = (await positions.read()).get(workflow)
      const both = isWithState(kept) ? kept : { $position: kept, $state: undefined }
      this.#position = both.$position
      this.#state = both.$state
    }
    return { position: this.#position, state: this.#state }
  }

  /** Everything up to this position is durable. */
  moved(position: unknown, state?: unknown): void {
    if (position === undefined) return
    const isFirst = this.#position === undefined
    this.#position = position
    this.#state = state
    this.#isDirty = true
    this.#saving ??= this.#saveLater(isFirst ? 0 : SAVE_MS)
  }

  /** Writes down what is not yet; a failure is logged, and tried again with the next one. */
  async flush(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#write())
    await this.#turn
  }

  async #write(): Promise<void> {
    if (!this.#isDirty) return
    const { workflow, log } = this.#options
    this.#isDirty = false
    try {
      await this.#save()
    } catch (error) {
      this.#isDirty = true
      log.warn({ workflow, error: toHermesError(error).message }, 'position not saved')
    }
  }

  /** Writes down what is not yet; gives up when the database does not answer in time. */
  async end(): Promise<void> {
    this.#ending.abort()
    const done = new AbortController()
    void this.#options.clock.sleep(LONGEST_END_MS, done.signal).then(
      () => this.#giveUp.abort(new Error('the database did not answer before the end')),
      () => undefined,
    )
    await this.#saving
    await this.flush()
    done.abort()
  }

  async #save(): Promise<void> {
    const { workflow, positions, clock } = this.#options
    const position = this.#state === undefined ? this.#position : { $position: this.#position, $state: this.#state }
    const done = new AbortController()
    const save = new AbortController()
    const giveUp = (): void => save.abort(this.#giveUp.signal.reason)
    this.#giveUp.signal.addEventListener('abort', giveUp, { once: true })
    if (this.#giveUp.signal.aborted) giveUp()
    void clock.sleep(LONGEST_SAVE_MS, done.signal).then(
      () => save.abort(new Error(`the database did not answer within ${LONGEST_SAVE_MS} ms`)),
      () => undefined,
    )
    try {
      await positions.save(new Map([[workflow, position]]), save.signal)
    } finally {
      done.abort()
      this.#giveUp.signal.removeEventListener('abort', giveUp)
    }
  }

  async #saveLater(ms: number): Promise<void> {
    if (ms > 0) await this.#options.clock.sleep(ms, this.#ending.signal).catch(() => undefined)
    await this.flush()
    this.#saving = this.#isDirty && !this.#ending.signal.aborted ? this.#saveLater(SAVE_MS) : undefined
  }
}

/** A position that is kept together with what steps have to know. */
interface WithState {
  readonly $position: unknown
  readonly $state: unknown
}

function isWithState(kept: unknown): kept is WithState {
  return typeof kept === 'object' && kept !== null && '$state' in kept
}
