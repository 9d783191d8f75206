import type { Clock } from '../clock.ts'

const SECONDS = 10

/** How many a second, over the last ten seconds; keeps a number for each of those, and no time of any message. */
export class Rate {
  readonly #clock: Clock
  readonly #counts = new Float64Array(SECONDS)
  /** The second, since the epoch, that is counted now. */
  #second: number
  readonly #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#second = Math.floor(clock.now() / 1_000)
    this.#since = clock.now()
  }

  add(count: number): void {
    this.#advance()
    const at = this.#second % SECONDS
    this.#counts[at] = (this.#counts[at] ?? 0) + count
  }

  get perSecond(): number {
    this.#advance()
    const seconds = Math.min(SECONDS, Math.max(1, (this.#clock.now() - this.#since) / 1_000))
    return this.#counts.reduce((sum, count) => sum + count, 0) / seconds
  }

  /** What is older than ten seconds is forgotten. */
  #advance(): void {
    const now = Math.floor(this.#clock.now() / 1_000)
    const passed = Math.min(SECONDS, now - this.#second)
    for (let ahead = 1; ahead <= passed; ahead += 1) this.#counts[(now - passed + ahead) % SECONDS] = 0
    if (passed > 0) this.#second = now
  }
}
