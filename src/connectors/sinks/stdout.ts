import type { Writable } from 'node:stream'
import { HermesError } from '../../errors.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Sink } from '../../stream/sink.ts'
import { writableOf } from '../descriptor-stream.ts'
import { encodeJsonLines, LineBuffer } from './line-buffer.ts'

const config = {
  type: 'object',
  description:
    'One message a line on the standard output: bytes as they came, values as JSON. A message counts as delivered ' +
    'when the system took it; whoever reads a pipe too slowly holds the workflow back.',
  additionalProperties: false,
  properties: {},
} as const

export const stdoutSink: Connector<Sink, Readonly<Record<string, never>>> = {
  type: 'stdout',
  summary: 'Lines on the standard output.',
  config,
  open: async () => openDescriptorSink(1),
}

/** Kept for the whole process: several sinks may write, and none closes it for the others. */
const outputs = new Map<number, Writable>()

/** Writes lines to a descriptor, which stays open. Throws `connector_refused` when it is closed. */
export function openDescriptorSink(descriptor: number): Sink {
  const output = outputs.get(descriptor) ?? writableOf(descriptor).on('error', () => {})
  outputs.set(descriptor, output)
  return {
    write: async (batch, signal) => {
      signal.throwIfAborted()
      // The stream may hold what was given up: each write has memory of its own.
      const lines = new LineBuffer()
      const rejections = encodeJsonLines(batch, lines)
      if (lines.length > 0) await written(output, lines.bytes, signal)
      return rejections
    },
    ping: async () => {
      if (output.destroyed) throw closed()
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

function written(output: Writable, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    output.write(bytes, (error) => {
      signal.removeEventListener('abort', onAbort)
      if (error === undefined || error === null) resolve()
      else reject(closed(error))
    })
  })
}

function closed(error?: Error): HermesError {
  const reason = error === undefined ? '' : `: ${error.message}`
  return new HermesError('connector_refused', `nobody reads the standard output any more${reason}`, {
    fix: 'Start Hermes again, with a reader behind it.',
  })
}
