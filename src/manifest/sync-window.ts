import { nextCron } from './cron.ts'
import { durationMs } from './duration.ts'

/** Times that begin when a cron expression says, in its time zone (UTC when absent), and last so long. */
export interface WindowClause {
  readonly cron: string
  readonly duration: string
  readonly timezone?: string
}

/** When work may be done: within one of `allow`, or at any time without any; never within one of `deny`. */
export interface SyncWindow {
  readonly allow?: readonly WindowClause[]
  readonly deny?: readonly WindowClause[]
}

/** Windows that follow each other without a gap are followed so far, and no further. */
const MOST_LOOKS = 100
/** The last moment that a date can hold. */
const NEVER = 8_640_000_000_000_000

/** Whether one of the windows in `deny` covers a moment. */
export function isDenied(window: SyncWindow | undefined, at: number): boolean {
  return window?.deny?.some((clause) => beganAt(clause, at) !== undefined) === true
}

/**
 * The first moment from `at` on, both in milliseconds since the epoch, at which work may be done: `at` itself when it may
 * be done then, the last moment of all when it never may again. Where a hundred windows in a row leave no gap, the end of
 * the last one that was looked at.
 */
export function opensAt(window: SyncWindow | undefined, at: number): number {
  const { allow = [], deny = [] } = window ?? {}
  let moment = at
  for (let looks = 0; looks < MOST_LOOKS && moment < NEVER; looks += 1) {
    const denied = deny.flatMap((clause) => endOf(clause, moment) ?? [])
    if (denied.length > 0) moment = Math.max(...denied)
    else if (allow.length === 0 || allow.some((clause) => beganAt(clause, moment) !== undefined)) return moment
    else moment = Math.min(NEVER, ...allow.map(({ cron, timezone }) => nextCron(cron, timezone, moment)))
  }
  return moment
}

/** What several windows allow together: what one of them allows and none denies; undefined when that is everything. */
export function joinWindows(windows: readonly (SyncWindow | undefined)[]): SyncWindow | undefined {
  const deny = windows.flatMap((window) => window?.deny ?? [])
  const always = windows.some((window) => window?.allow === undefined)
  const allow = always ? [] : windows.flatMap((window) => window?.allow ?? [])
  if (allow.length === 0 && deny.length === 0) return undefined
  return { ...(allow.length === 0 ? {} : { allow }), ...(deny.length === 0 ? {} : { deny }) }
}

/** When the oldest time that covers a moment began; undefined when none covers it. */
function beganAt({ cron, duration, timezone }: WindowClause, at: number): number | undefined {
  const began = nextCron(cron, timezone, at - durationMs(duration))
  return began <= at ? began : undefined
}

function endOf(clause: WindowClause, at: number): number | undefined {
  const began = beganAt(clause, at)
  return began === undefined ? undefined : began + durationMs(clause.duration)
}
