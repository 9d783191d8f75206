/** How a bench is run. */
export interface BenchOptions {
  /** Fewer messages, rounds and seconds: to see whether it works, and roughly what comes out. */
  readonly short: boolean
}
