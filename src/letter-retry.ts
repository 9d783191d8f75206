import type { LetterRetry } from './local-dead-letters.ts'
import type { DrainSignals } from './resources/workflow-run.ts'
import type { WorkflowRunner } from './resources/workflow-runner.ts'
import type { DeadLetterStore, StoredLetter } from './store/workflow-store.ts'
import type { Meta } from './stream/batch.ts'
import { bytesBatch } from './stream/batches.ts'
import type { Inlet } from './stream/inlet.ts'

/** Sends dead letters into the workflows that run here, where they failed: to their sink alone, or on at their step. */
export function letterRetry(runner: () => Promise<WorkflowRunner>): LetterRetry {
  return {
    send: async (workflow, letters) => await sendLetters((await runner()).inlet(workflow), letters, never),
  }
}

const never = new AbortController().signal

/** Letters with all their payloads are in memory at a time. */
const PAGE = 100

/**
 * Sends the letters that a workflow has at `until`, milliseconds, the oldest first, and deletes those that went through.
 * One that fails again is a letter again, with one attempt more, and is not sent a second time.
 */
export async function drainLetters(
  { store, workflow, until }: { readonly store: DeadLetterStore; readonly workflow: string; readonly until: number },
  inlet: Inlet,
  { stop, signal }: DrainSignals,
): Promise<void> {
  let after: string | undefined
  while (!stop.aborted) {
    const page = await store.list(workflow, { limit: PAGE, until, ...(after === undefined ? {} : { after }) }, signal)
    if (page.length > 0) await store.delete(workflow, await sendLetters(inlet, page, signal))
    after = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}

async function sendLetters(
  inlet: Inlet,
  letters: readonly StoredLetter[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const sent: string[] = []
  for (const [stage, alike] of Map.groupBy(letters, (letter) => letter.stage)) {
    const metas = alike.map((letter) => metaOf(letter))
    const payloads = alike.map(({ payload }) => payload)
    await inlet.send(bytesBatch(payloads, { metas }), stage, signal)
    sent.push(...alike.map(({ id }) => id))
  }
  return sent
}

function metaOf({ meta, stage, attempts }: StoredLetter): Meta {
  const sink = /^sinks\.(.+)$/.exec(stage)?.[1]
  return { ...meta, attempts, ...(sink === undefined ? {} : { route: sink }) }
}
