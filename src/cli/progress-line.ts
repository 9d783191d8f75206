import { truncate } from './display.ts'
import type { Output } from './environment.ts'

/** One line that is written over in place, on a terminal; nothing anywhere else. */
export interface ProgressLine extends Disposable {
  /** At most a few times a second reaches the terminal. */
  show(text: string): void
}

const LEAST_BETWEEN_MS = 150
const ERASE_LINE = '\r\u001b[2K'

export function progressLine(output: Output): ProgressLine {
  let shownAt = Number.NEGATIVE_INFINITY
  const shown = () => shownAt > Number.NEGATIVE_INFINITY
  return {
    show: (text) => {
      const now = performance.now()
      if (!output.isTerminal || now - shownAt < LEAST_BETWEEN_MS) return
      shownAt = now
      output.write(ERASE_LINE + truncate(text, output.columns - 1))
    },
    [Symbol.dispose]: () => {
      if (shown()) output.write(ERASE_LINE)
    },
  }
}
