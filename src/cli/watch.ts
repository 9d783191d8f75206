import { systemClock } from '../clock.ts'
import { type Environment, exitCodes } from './environment.ts'
import { errorText } from './error-text.ts'
import { interruptible } from './interruptible.ts'

const CLEAR = '\u001b[H\u001b[2J'
const SHORTEST_MS = 200

/**
 * Shows what `look` gives every `intervalMs`, when it changed; on a terminal over itself. What it throws is shown, and
 * it looks again. Ends when interrupted, with that exit code.
 */
export async function watch(
  environment: Environment,
  intervalMs: number,
  look: (signal: AbortSignal) => Promise<string>,
): Promise<number> {
  const { stdout } = environment
  let before = ''
  const watching = interruptible(environment, async (signal) => {
    while (!signal.aborted) {
      const text = await look(signal).catch((error: unknown) => errorText(error, stdout))
      signal.throwIfAborted()
      if (text !== before) stdout.write((stdout.isTerminal ? CLEAR : '') + text)
      before = text
      await systemClock.sleep(Math.max(SHORTEST_MS, intervalMs || 0), signal)
    }
  })
  return watching.then(
    () => exitCodes.done,
    () => exitCodes.interrupted,
  )
}
