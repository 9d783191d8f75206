import type { Connector } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'

const config = {
  type: 'object',
  description: 'Takes every message and keeps none: to measure with, or for a route whose messages nobody wants.',
  additionalProperties: false,
  properties: {},
} as const

const none: readonly Rejection[] = []

export const dropSink: Connector<Sink, Readonly<Record<string, never>>> = {
  type: 'drop',
  summary: 'Nowhere: messages count as delivered and are gone.',
  config,
  open: async () => ({
    write: async (_batch, signal) => {
      signal.throwIfAborted()
      return none
    },
    ping: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }),
}
