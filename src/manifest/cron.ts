import { Cron } from 'croner'

/** What is wrong with a cron expression or its time zone, in words; undefined when both are good. */
export function checkCron(expression: string, timezone: string | undefined): string | undefined {
  if (timezone !== undefined && !isTimeZone(timezone)) return `${JSON.stringify(timezone)} is not an IANA time zone`
  // A date alone would also do for croner, as a job that runs once.
  if (!/^@|\S\s+\S/.test(expression))
    return `${JSON.stringify(expression)} is not a cron expression of five or six fields`
  try {
    if (open(expression, timezone).cron.nextRun(new Date(0)) === null)
      return `${JSON.stringify(expression)} never comes due`
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
  const asked = open(expression, timezone)
  const known = asked.gaps.find(({ from, next }) => from <= afterMs && afterMs < next)
  if (known !== undefined) return known.next
  const next = asked.cron.nextRun(new Date(afterMs))?.getTime() ?? Number.POSITIVE_INFINITY
  asked.gaps = [{ from: afterMs, next }, ...asked.gaps.slice(0, keptGaps - 1)]
  return next
}

/** An expression that was asked for, with the latest answers: nothing comes due between `from` and `next`. */
interface Asked {
  readonly cron: Cron
  gaps: readonly { readonly from: number; readonly next: number }[]
}

const opened = new Map<string, Asked>()
const maxOpened = 1_000
const keptGaps = 4

/**
 * Parsing costs more than asking, and asking more than ten thousand sources with one schedule can afford: the most
 * recent expressions and answers are kept. A Cron without a function starts no timer.
 */
function open(expression: string, timezone = 'UTC'): Asked {
  const key = `${timezone} ${expression}`
  const known = opened.get(key)
  if (known !== undefined) return known
  const asked = { cron: new Cron(expression, { timezone, mode: '5-or-6-parts', paused: true }), gaps: [] }
  if (opened.size >= maxOpened) opened.clear()
  opened.set(key, asked)
  return asked
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
