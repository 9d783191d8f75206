import { setFlagsFromString } from 'node:v8'
import type { Clock } from './clock.ts'

/** The flag that a service is started with: V8 gives back memory whenever eight seconds have passed, busy or not. */
export const MEMORY_SAVER = '--memory-saver-mode'

/** So many messages a second are a stream, whose messages must not wait for collections that could as well come later. */
const STREAM = 50
const LOOK_MS = 1_000
/** A stream has ended when so many looks in a row saw none. */
const QUIET_LOOKS = 10

export interface SaverParts {
  /** Messages that were read so far; it may also shrink. */
  readonly read: () => number
  readonly clock: Clock
  /** Switches the saver; that of V8 when absent. */
  readonly save?: (isOn: boolean) => void
}

/**
 * Switches V8's memory saver off while messages stream, and on again when they rest; it is on before. Its collections take
 * up to 20 ms at a time, which is what the slowest hundredth of messages then shows. Resolves when `stop` aborts.
 */
export async function saveMemoryAtRest(
  { read, clock, save = switchSaver }: SaverParts,
  stop: AbortSignal,
): Promise<void> {
  let before = read()
  let quiet = QUIET_LOOKS
  while (!stop.aborted) {
    await clock.sleep(LOOK_MS, stop).catch(() => undefined)
    const now = read()
    const isStream = now - before >= STREAM
    if (isStream && quiet >= QUIET_LOOKS) save(false)
    if (!isStream && quiet === QUIET_LOOKS - 1) save(true)
    quiet = isStream ? 0 : quiet + 1
    before = now
  }
}

/** V8 asks for this flag at each collection. */
function switchSaver(isOn: boolean): void {
  setFlagsFromString(isOn ? MEMORY_SAVER : `--no-${MEMORY_SAVER.slice(2)}`)
}
