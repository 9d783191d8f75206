import { Cron } from 'croner'

/** What is wrong with a cron expression or its time zone, in words; undefined when both are good. */
export function checkCron(expression: string, timezone: string | undefined): string | undefined {
  if (timezone !== undefined && !isTimeZone(timezone)) return `${JSON.stringify(timezone)} is not an IANA time zone`
  // A date alone would also do for croner, as a job that runs once.
  if (!/^@|\S\s+\S/.test(expression))
    return `${JSON.stringify(expression)} is not a cron expression of five or six fields`
  try {
    if (open(expression, timezone).nextRun(new Date(0)) === null) return `${JSON.stringify(expression)} never comes due`
  } catch (error) {
    return `${JSON.stringify(expression)} is not a cron expression: ${reasonOf(error)}`
  }
  return undefined
}

/**
 * The first time after `afterMs` (milliseconds since the epoch) that the expression names; UTC without a time zone.
 * A fixed time that a change of the clocks skips comes right after the gap, one that it repeats comes once.
 * Infinity when it never comes due again. Throws on an expression that `checkCron` refuses.
 */
export function nextCron(expression: string, timezone: string | undefined, afterMs: number): number {
  const next = open(expression, timezone).nextRun(new Date(afterMs))
  return next === null ? Number.POSITIVE_INFINITY : next.getTime()
}

const opened = new Map<string, Cron>()
const maxOpened = 1_000

/** Parsing costs more than asking: the most recent expressions are kept. A Cron without a function starts no timer. */
function open(expression: string, timezone = 'UTC'): Cron {
  const key = `${timezone} ${expression}`
  const known = opened.get(key)
  if (known !== undefined) return known
  const cron = new Cron(expression, { timezone, mode: '5-or-6-parts', paused: true })
  if (opened.size >= maxOpened) opened.clear()
  opened.set(key, cron)
  return cron
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== ''
  } catch {
    return false
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^CronPattern: /, '').replace(/\.$/, '')
}
