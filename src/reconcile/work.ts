import type { Clock } from '../clock.ts'
import type { HermesError } from '../errors.ts'
import type { Backoff } from './backoff.ts'
import type { Board, Resource } from './board.ts'
import type { Outcome } from './controller.ts'
import type { EngineEvent } from './engine-event.ts'
import type { Wait } from './gate.ts'
import type { Log } from './log.ts'
import type { Mirror } from './mirror.ts'
import type { Kinds } from './subject.ts'
import type { Item } from './survey.ts'
import type { Slots } from './turn.ts'

/** What every lap works with. */
export interface Workshop {
  readonly kinds: Kinds
  readonly board: Board
  readonly mirror: Mirror
  readonly slots: Slots
  readonly backoff: Backoff
  readonly clock: Clock
  readonly log: Log
  /** `stop` ends a lap before its next step; `abort` gives the step in hand up. */
  readonly stop: AbortSignal
  readonly abort: AbortSignal
  /** Called when keys changed, came due or ended their lap. */
  readonly onProgress: () => void
  /** Told what happens; never throws. */
  readonly onEvent: (event: EngineEvent) => void
}

/** One resource in one lap. */
export interface Work extends Item {
  readonly resource: Resource
  readonly version: number
  /** The reference that is not ready: steps, if any, wait for it. */
  readonly wait: Wait | undefined
  /** Its lap has not ended. */
  open: boolean
}

/** What is due goes in this order, the highest first. */
export function priorityOf(work: Work): number {
  return work.resource.wanted.priority ?? 0
}

/** Ends laps with what they came to. One whose resource changed meanwhile reports nothing; its next lap is due. */
export function close(works: readonly Work[], outcomeOf: (work: Work) => Outcome | undefined, shop: Workshop): void {
  const { board } = shop
  for (const work of works) {
    if (!work.open) continue
    const outcome = board.isCurrent(work.resource, work.version) ? outcomeOf(work) : undefined
    if (outcome !== undefined) board.report(work.resource, outcome)
    work.open = false
    board.queue.done(work.key)
  }
  board.wake()
  shop.onProgress()
}

/** Ends laps that failed alone, each by what its error says happens next. */
export function closeFailed(works: readonly Work[], shop: Workshop): void {
  const outcomeOf = (work: Work): Outcome | undefined => {
    if (work.error === undefined) return undefined
    shop.log.warn({ key: work.key, code: work.error.code, error: work.error.message }, 'lap failed')
    if (work.error.next !== 'retry') return { state: 'stalled', error: work.error }
    return retry(work.error, work.resource.attempt + 1, shop)
  }
  close(works, outcomeOf, shop)
}

/** Ends laps that all failed for one reason beyond them: they are due again together. */
export function closeTogether(works: readonly Work[], error: HermesError, shop: Workshop): void {
  if (works.length === 0) return
  shop.board.trouble = error
  shop.log.warn({ resources: works.length, code: error.code, error: error.message }, 'laps failed')
  const attempt = 1 + works.reduce((most, work) => Math.max(most, work.resource.attempt), 0)
  const outcome = retry(error, attempt, shop)
  close(works, () => outcome, shop)
}

function retry(error: HermesError, attempt: number, shop: Workshop): Outcome {
  const notBefore = shop.clock.now() + shop.backoff(attempt, error.retryAfterMs)
  return { state: 'retry', error, attempt, notBefore }
}
