import type { LetterRetry } from './local-dead-letters.ts'
import type { WorkflowRunner } from './resources/workflow-runner.ts'
import type { StoredLetter } from './store/workflow-store.ts'
import type { Meta } from './stream/batch.ts'
import { bytesBatch } from './stream/batches.ts'

/** Sends dead letters into the workflows that run here, where they failed: to their sink alone, or on at their step. */
export function letterRetry(runner: () => Promise<WorkflowRunner>): LetterRetry {
  return {
    send: async (workflow, letters) => {
      const inlet = (await runner()).inlet(workflow)
      const sent: string[] = []
      for (const [stage, alike] of Map.groupBy(letters, (letter) => letter.stage)) {
        const metas = alike.map((letter) => metaOf(letter))
        await inlet.send(
          bytesBatch(
            alike.map(({ payload }) => payload),
            { metas },
          ),
          stage,
          new AbortController().signal,
        )
        sent.push(...alike.map(({ id }) => id))
      }
      return sent
    },
  }
}

function metaOf({ meta, stage, attempts }: StoredLetter): Meta {
  const sink = /^sinks\.(.+)$/.exec(stage)?.[1]
  return { ...meta, attempts, ...(sink === undefined ? {} : { route: sink }) }
}
