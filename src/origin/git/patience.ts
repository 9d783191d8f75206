/** Between signs of life: so many times as long in all. */
const IN_ALL = 10

/**
 * For waiting on somebody who may be slow but must not be silent: its signal aborts when nothing was heard for `ms`
 * milliseconds, and after ten times as long in any case.
 */
export class Patience implements Disposable {
  readonly #lost = new AbortController()
  readonly #ms: number
  readonly #end: NodeJS.Timeout
  #next: NodeJS.Timeout

  constructor(ms: number) {
    this.#ms = ms
    this.#end = setTimeout(() => this.#lost.abort(), ms * IN_ALL)
    this.#next = this.#timer()
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  heard(): void {
    clearTimeout(this.#next)
    this.#next = this.#timer()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#next)
    clearTimeout(this.#end)
  }

  #timer(): NodeJS.Timeout {
    return setTimeout(() => this.#lost.abort(), this.#ms)
  }
}
