import type { Connector } from '../../stream/connector.ts'
import type { Sink } from '../../stream/sink.ts'

const config = {
  type: 'object',
  description: "The resource's own table.",
  additionalProperties: false,
  properties: {},
} as const

/** Writes into the table of the run: rows and the position behind them commit together. */
export const tableSink: Connector<Sink, Readonly<Record<string, never>>> = {
  type: 'table',
  summary: 'A table of the database.',
  config,
  open: async (_config, { tables }) => {
    const writer = tables.writer()
    return {
      write: async (batch, signal) => {
        await writer.write(batch.values(), batch.position, signal)
        return []
      },
      ping: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  },
}
