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

/** The last moment that a date can hold. */
export const never = 8_640_000_000_000_000

const dayMs = 86_400_000
/** Seasons and changes of the clocks come again within a year; what names minutes alone, with every hour and day. */
const yearMs = 366 * dayMs
const alikeMs = 3 * dayMs
const everyHour = /^\S+(\s+\S+)?\s+\*\s+\*\s+\*\s+\*$/
const mostLooks = 20_000

/** Whether one of the windows in `deny` covers a moment. */
export function isDenied(window: SyncWindow | undefined, at: number): boolean {
  return window?.deny?.some((clause) => beganAt(clause, at) !== undefined) === true
}

/**
 * The first moment from `at` on, both in milliseconds since the epoch, at which work may be done: `at` itself when it may
 * be done then; `never` when no gap can be foreseen, which is looked for a year ahead.
 */
export function opensAt(window: SyncWindow | undefined, at: number): number {
  if (window === undefined || !isClosed(window, at)) return at
  const key = JSON.stringify([window.allow, window.deny])
  const known = foreseen.get(key)
  if (known !== undefined && known.from <= at && at < known.opens && known.until > at) return known.opens
  const opens = search(window, at)
  if (foreseen.size >= mostForeseen) foreseen.clear()
  foreseen.set(key, { from: at, until: at + alikeMs, opens })
  return opens
}

/** `opens 2026-01-31T22:00:00.000Z`; `does not open` for what `opensAt` calls never. */
export function opensText(opens: number | string): string {
  const at = typeof opens === 'number' ? opens : Date.parse(opens)
  return at >= never ? 'does not open' : `opens ${new Date(at).toISOString()}`
}

/** Ten thousand sources may have one window, and a long search: the latest answers are kept for some days. */
const foreseen = new Map<string, { readonly from: number; readonly until: number; readonly opens: number }>()
const mostForeseen = 1_000

function search(window: SyncWindow, at: number): number {
  const { allow = [], deny = [] } = window
  const isAlike = [...allow, ...deny].every(({ cron }) => everyHour.test(cron.trim()))
  const horizon = at + (isAlike ? alikeMs : yearMs)
  let moment = at
  for (let looks = 0; looks < mostLooks && moment < horizon; looks += 1) {
    if (!isClosed(window, moment)) return moment
    const denied = deny.flatMap((clause) => endOf(clause, moment) ?? [])
    moment =
      denied.length > 0
        ? Math.max(...denied)
        : Math.min(never, ...allow.map(({ cron, timezone }) => nextCron(cron, timezone, moment)))
  }
  // What opens once, far ahead, is found all the same.
  return moment < never && !isClosed(window, moment) ? moment : never
}

function isClosed({ allow = [], deny = [] }: SyncWindow, at: number): boolean {
  if (deny.some((clause) => beganAt(clause, at) !== undefined)) return true
  return allow.length > 0 && !allow.some((clause) => beganAt(clause, at) !== undefined)
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

/** When the time that covers a moment ends: the latest of those that began by then, as far as halving finds it. */
function endOf(clause: WindowClause, at: number): number | undefined {
  let began = beganAt(clause, at)
  if (began === undefined) return undefined
  for (let back = (at - began) / 2; back >= 1_000; back /= 2) {
    const later = nextCron(clause.cron, clause.timezone, Math.floor(at - back))
    if (later <= at) began = Math.max(began, later)
  }
  return began + durationMs(clause.duration)
}
