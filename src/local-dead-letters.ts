import { letterFilter } from './connectors/letter-filter.ts'
import { HermesError } from './errors.ts'
import type { DeadLetterApi, LetterSelection, LetterSummary, LetterView } from './service/dead-letter-api.ts'
import type { DeadLetterStore, StoredLetter } from './store/workflow-store.ts'
import { payloadText } from './stream/letter-message.ts'

/** Sends dead letters through the workflow that they come from; who runs the workflow does. */
export interface LetterRetry {
  /**
   * Resolves to the ids of the letters that may go: their messages were delivered, or are dead letters anew under other
   * ids. The others stay. Throws `not_found` for a workflow that is not in force.
   */
  send(workflow: string, letters: readonly StoredLetter[]): Promise<readonly string[]>
}

export interface LocalDeadLetterParts {
  readonly store: () => Promise<DeadLetterStore>
  readonly now: () => number
  /** Undefined where no workflows run. */
  readonly retry: () => LetterRetry | undefined
}

/** Letters with all their payloads are in memory at a time. */
const PAGE = 100
const MOST_LISTED = 1_000
const LISTED = 50
const EXCERPT = 200

/** What the service answers about dead letters, and commands where no service runs. */
export function localDeadLetters({ store, now, retry }: LocalDeadLetterParts): DeadLetterApi {
  return {
    list: async (workflow, selection) => {
      const limit = Math.min(selection.limit ?? LISTED, MOST_LISTED)
      const found: LetterSummary[] = []
      for await (const letters of selected(await store(), workflow, { ...selection, limit })) {
        found.push(...letters.map(summaryOf))
      }
      return found
    },
    show: async (workflow, id) => {
      const [letter] = await (await store()).find(workflow, [id])
      if (letter !== undefined) return viewOf(letter)
      throw new HermesError('not_found', `workflow ${workflow} has no dead letter ${id}`, {
        fix: `See \`hermes dead-letters list ${workflow}\`.`,
      })
    },
    drop: async (workflow, selection) => {
      const letters = await store()
      let dropped = 0
      for await (const page of selected(letters, workflow, selection, now())) {
        dropped += await letters.delete(
          workflow,
          page.map(({ id }) => id),
        )
      }
      return { letters: dropped }
    },
    retry: async (workflow, selection) => {
      const sender = retry()
      if (sender === undefined) {
        const message = `no service runs workflow ${workflow}, and it alone sends messages again`
        throw new HermesError('service_absent', message)
      }
      const letters = await store()
      let sent = 0
      for await (const page of selected(letters, workflow, selection, now())) {
        sent += await letters.delete(workflow, await sender.send(workflow, page))
      }
      return { letters: sent }
    },
  }
}

/** The letters that are meant, a page at a time, the oldest first; none that came after `until`. */
async function* selected(
  store: DeadLetterStore,
  workflow: string,
  { ids, where, limit = Number.POSITIVE_INFINITY }: LetterSelection,
  until?: number,
): AsyncGenerator<readonly StoredLetter[]> {
  const holds = where === undefined ? () => true : letterFilter(where)
  let left = limit
  for await (const page of ids === undefined ? pages(store, workflow, until) : named(store, workflow, ids)) {
    const fitting = page.filter(holds).slice(0, left)
    if (fitting.length > 0) yield fitting
    left -= fitting.length
    if (left <= 0) return
  }
}

async function* pages(store: DeadLetterStore, workflow: string, until: number | undefined) {
  let after: string | undefined
  for (;;) {
    const bounds = { ...(after === undefined ? {} : { after }), ...(until === undefined ? {} : { until }) }
    const page = await store.list(workflow, { limit: PAGE, ...bounds })
    yield page
    after = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}

async function* named(store: DeadLetterStore, workflow: string, ids: readonly string[]) {
  const wanted = [...new Set(ids)].toSorted()
  for (let at = 0; at < wanted.length; at += PAGE) yield await store.find(workflow, wanted.slice(at, at + PAGE))
}

function summaryOf({ id, at, stage, reason, attempts, meta, payload }: StoredLetter): LetterSummary {
  return {
    id,
    at: new Date(at).toISOString(),
    stage,
    reason,
    attempts,
    ...(meta.id === undefined ? {} : { messageId: meta.id }),
    ...(meta.key === undefined ? {} : { key: meta.key }),
    ...(meta.route === undefined ? {} : { route: meta.route }),
    bytes: payload.length,
    excerpt: Buffer.from(payload.subarray(0, EXCERPT)).toString('utf8').toWellFormed(),
  }
}

function viewOf(letter: StoredLetter): LetterView {
  const { payload, position } = letter
  return { ...summaryOf(letter), ...(position === undefined ? {} : { position }), ...payloadText(payload) }
}
