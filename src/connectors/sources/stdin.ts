import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { FromSchema } from 'json-schema-to-ts'
import { HermesError } from '../../errors.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { readableOf } from '../descriptor-stream.ts'
import { findLines, LineBatch, lastLine } from './line-batch.ts'

const config = {
  type: 'object',
  description:
    'The lines of the standard input as messages; the bytes of a line are the payload, empty lines are left out. It ' +
    'ends where the input ends. What was read cannot be read again: behind a memory buffer a crash loses what is not ' +
    'delivered. One workflow at a time.',
  additionalProperties: false,
  properties: {
    maxLineBytes: {
      type: 'integer',
      minimum: 1,
      maximum: 268_435_456,
      default: 1_048_576,
      description: 'Longest line; a longer one fails the workflow.',
    },
  },
} as const

export type StdinConfig = FromSchema<typeof config>

export const stdinSource: Connector<Source, StdinConfig> = {
  type: 'stdin',
  summary: 'Lines of the standard input.',
  config,
  open: async (settings) => openDescriptorSource(0, settings),
}

const BATCH = 1_000

/** What a descriptor gave, kept for the whole process: a workflow that starts again misses nothing of it. */
interface Input {
  readonly stream: Readable
  /** Read and not yet handed out. */
  rest: Buffer
  taken: boolean
}

const inputs = new Map<number, Input>()

/**
 * The lines that come over a descriptor. Throws `connector_refused` when it is closed, or somebody else reads it. The
 * descriptor stays open.
 */
export function openDescriptorSource(descriptor: number, settings: StdinConfig): Source {
  const input = inputs.get(descriptor) ?? { stream: readableOf(descriptor), rest: Buffer.alloc(0), taken: false }
  inputs.set(descriptor, input)
  if (input.taken) {
    throw new HermesError('connector_refused', 'another workflow reads the standard input', {
      fix: 'Let one workflow read it, and the others its sink.',
    })
  }
  input.taken = true
  return new DescriptorSource(input, settings)
}

class DescriptorSource implements Source {
  readonly #input: Input
  readonly #maxLineBytes: number
  readonly #closed = new AbortController()

  constructor(input: Input, { maxLineBytes }: StdinConfig) {
    this.#input = input
    this.#maxLineBytes = maxLineBytes
  }

  async *read(_from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const input = this.#input
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    hold(input.stream, true)
    try {
      for (let ended = false; !ended && !until.aborted; ) {
        yield* this.#lines(until)
        if (until.aborted) break
        const chunk = await nextChunk(input.stream, until)
        ended = chunk === undefined && !until.aborted
        if (chunk !== undefined) input.rest = input.rest.length === 0 ? chunk : Buffer.concat([input.rest, chunk])
        if (ended) yield* this.#last()
      }
      signal.throwIfAborted()
    } finally {
      hold(input.stream, false)
    }
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#input.taken = false
  }

  /** The lines that are complete; what is behind a batch stays when it is to stop. */
  *#lines(until: AbortSignal): Generator<Batch> {
    const input = this.#input
    for (;;) {
      const lines = findLines(input.rest, 0, BATCH, this.#maxLineBytes)
      if (lines.end === 0) {
        if (lines.long) throw new HermesError('message_invalid', `a line has more than ${this.#maxLineBytes} bytes`)
        return
      }
      input.rest = input.rest.subarray(lines.end)
      if (lines.bounds.length > 0) yield new LineBatch(lines)
      if (until.aborted) return
    }
  }

  *#last(): Generator<Batch> {
    const lines = lastLine(this.#input.rest, 0)
    this.#input.rest = Buffer.alloc(0)
    if (lines.bounds.length > 0) yield new LineBatch(lines)
  }
}

/** Whether an input that nothing has come from yet keeps the process running. */
function hold(stream: Readable, held: boolean): void {
  if (!(stream instanceof Socket)) return
  if (held) stream.ref()
  else stream.unref()
}

/** What comes next; undefined at the end, and when it is to stop. */
async function nextChunk(stream: Readable, until: AbortSignal): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = stream.read() as Buffer | null
    if (chunk !== null) return chunk
    if (stream.readableEnded || stream.destroyed || until.aborted) {
      if (stream.errored !== null) throw unreadable(stream.errored)
      return undefined
    }
    await change(stream, until)
  }
}

function change(stream: Readable, until: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const
    const settle = (): void => {
      for (const event of events) stream.off(event, settle)
      until.removeEventListener('abort', settle)
      resolve()
    }
    for (const event of events) stream.on(event, settle)
    until.addEventListener('abort', settle)
  })
}

function unreadable(error: Error): HermesError {
  return new HermesError('connector_unavailable', `the standard input cannot be read: ${error.message}`)
}
