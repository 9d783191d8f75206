import { once } from 'node:events'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'

const config = {
  type: 'object',
  description:
    'Nothing of its own: the messages are those that other workflows hand over with the sink `workflow`. They keep what ' +
    'they have not seen delivered, so that nothing is lost with the process.',
  additionalProperties: false,
  properties: {},
} as const

/** Messages of other workflows, which come in by the side door. */
export const workflowSource: Connector<Source, Readonly<Record<string, never>>> = {
  type: 'workflow',
  summary: 'What other workflows hand over.',
  config,
  open: async () => ({
    read: (_from, stop, signal) => nothingUntil(stop, signal),
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }),
}

function nothingUntil(stop: AbortSignal, signal: AbortSignal): AsyncIterable<Batch> {
  const next = async (): Promise<IteratorResult<Batch>> => {
    const until = AbortSignal.any([stop, signal])
    if (!until.aborted) await once(until, 'abort')
    signal.throwIfAborted()
    return { done: true, value: undefined }
  }
  return { [Symbol.asyncIterator]: () => ({ next }) }
}
