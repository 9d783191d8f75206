import { HermesError, toHermesError } from '../errors.ts'
import { isKept, offerFor } from './approval.ts'
import { finish } from './finish.ts'
import { survey } from './survey.ts'
import { close, closeFailed, closeTogether, priorityOf, type Work, type Workshop } from './work.ts'

/** Runs the steps of a chunk, looks again, and ends the laps: what still differs did not converge (invariant 2). */
export async function carryOut(works: readonly Work[], shop: Workshop): Promise<void> {
  try {
    await keepApprovals(works, shop)
    const carried = await Promise.all(works.map((work) => shop.slots.run(() => runSteps(work, shop), priorityOf(work))))
    const complete = works.filter((_, index) => carried[index] === true)
    await survey(complete, shop.abort)
    for (const work of complete) if (work.error === undefined && work.steps.length > 0) work.error = notConverged(work)
    closeFailed(
      works.filter((work) => work.error !== undefined),
      shop,
    )
    await finish(
      complete.filter((work) => work.open),
      shop,
    )
  } catch (error) {
    const open = works.filter((work) => work.open)
    closeTogether(open, toHermesError(error), shop)
  }
  close(works, () => undefined, shop)
}

/** An approval goes into the ledger step by step before the first one runs, so that it outlives a crash between two. */
async function keepApprovals(works: readonly Work[], shop: Workshop): Promise<void> {
  for (const work of works) {
    const offer = work.subject.desired === undefined ? undefined : offerFor(work.key, work.steps)
    if (offer === undefined || isKept(offer, shop.mirror.entries.get(work.key)?.approved)) continue
    await shop.mirror.turn((ledger) => ledger.approve([work.key], offer.token))
  }
}

/** Resolves to whether all steps ran; a failure is left in the work. Stops between steps when the plan is out of date. */
async function runSteps(work: Work, shop: Workshop): Promise<boolean> {
  for (const step of work.steps) {
    if (shop.stop.aborted || !shop.board.isCurrent(work.resource, work.version)) return false
    try {
      await work.controller.apply(work.subject, step, shop.abort)
      shop.log.info({ key: work.key, op: step.op, step: step.summary, reason: step.reason }, 'step applied')
      shop.onEvent({ type: 'step', key: work.key, step })
    } catch (error) {
      if (!shop.abort.aborted) work.error = stepFailed(work, step.summary, error)
      return false
    }
  }
  return true
}

function stepFailed(work: Work, summary: string, thrown: unknown): HermesError {
  const error = toHermesError(thrown, 'step_failed')
  const at = error.at ?? work.subject.desired?.at
  return new HermesError(error.code, `${work.key}: ${summary}: ${error.message}`, {
    fix: error.fix,
    cause: thrown,
    ...(at === undefined ? {} : { at }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  })
}

function notConverged(work: Work): HermesError {
  const left = work.steps.map((step) => step.summary).join(', ')
  const at = work.subject.desired?.at
  return new HermesError(
    'not_converged',
    `${work.key}: still to do after all steps ran: ${left}`,
    at === undefined ? {} : { at },
  )
}
