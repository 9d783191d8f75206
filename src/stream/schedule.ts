/** When a source runs. Without `everyMs` and `cron` it runs once, and then when asked. */
export interface Schedule {
  /** Milliseconds between the starts of two runs; 0 is continuously. */
  readonly everyMs?: number
  readonly cron?: { readonly expression: string; readonly timezone?: string }
  /** At most so many milliseconds are added; the same ones for the same source and turn. */
  readonly jitterMs?: number
}

/** What the data tells about a source's runs; see the store's RunFacts. */
export interface RunHistory {
  readonly lastRunAt?: number
  readonly attempt: number
  readonly notBefore?: number
  readonly startedAt?: number
}

export interface ScheduledRun {
  readonly name: string
  readonly schedule: Schedule
  /** When the source was first declared: what a cron schedule counts from before the first run. */
  readonly registeredAt: number
}

/** The first time after `afterMs` that a cron expression names; supplied by whoever knows a cron library. */
export type NextCron = (expression: string, timezone: string | undefined, afterMs: number) => number

/** A run that was interrupted goes on at once; one that keeps being interrupted backs off like a failing one. */
const INTERRUPTIONS_AT_ONCE = 2

/**
 * When the source is due, in milliseconds since the epoch; undefined when only a person starts it. Derived from the
 * data alone, so that a restart changes nothing.
 */
export function dueAt(source: ScheduledRun, history: RunHistory, nextCron: NextCron): number | undefined {
  if (history.attempt > 0 && history.notBefore !== undefined) return history.notBefore
  if (history.startedAt !== undefined) {
    if (history.attempt <= INTERRUPTIONS_AT_ONCE) return history.startedAt
    return history.startedAt + retryDelayMs(history.attempt - INTERRUPTIONS_AT_ONCE, 1)
  }
  const turn = nextTurn(source, history.lastRunAt, nextCron)
  // A run that came back empty asks for a pause, which only a shorter schedule notices.
  return turn === undefined ? undefined : Math.max(turn, history.notBefore ?? turn)
}

/** The turn after a run that started at `lastRunAt`, or the first turn. */
export function nextTurn(
  { name, schedule, registeredAt }: ScheduledRun,
  lastRunAt: number | undefined,
  nextCron: NextCron,
): number | undefined {
  if (schedule.cron !== undefined) {
    const turn = nextCron(schedule.cron.expression, schedule.cron.timezone, lastRunAt ?? registeredAt)
    return turn + jitter(name, turn, schedule.jitterMs)
  }
  if (lastRunAt === undefined) return registeredAt
  if (schedule.everyMs === undefined) return undefined
  const turn = lastRunAt + schedule.everyMs
  return turn + jitter(name, turn, schedule.jitterMs)
}

const FIRST_RETRY_MS = 2_000
const LONGEST_RETRY_MS = 15 * 60_000

/** Exponential backoff from 2 s to 15 min; `random` in [0, 1] scales the upper half, so that sources spread. */
export function retryDelayMs(attempt: number, random: number): number {
  const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 20))
  return Math.round(full * (0.5 + random / 2))
}

/** A spread that is the same for the same source and turn: FNV-1a over both. */
function jitter(name: string, turn: number, jitterMs: number | undefined): number {
  if (jitterMs === undefined || jitterMs === 0) return 0
  let hash = 0x811c9dc5
  for (const character of `${name}@${turn}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  }
  return (hash >>> 0) % (jitterMs + 1)
}
