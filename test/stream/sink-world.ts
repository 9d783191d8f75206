import { expect } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { HermesError } from '../../src/errors.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { DeadLetter, DeadLetters } from '../../src/stream/dead-letter.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import type { Rejection, Sink } from '../../src/stream/sink.ts'
import { SinkBranch, type SinkBranchParts } from '../../src/stream/sink-branch.ts'
import type { Source } from '../../src/stream/source.ts'

export const never = new AbortController().signal
export const disposable = { ping: async () => {}, [Symbol.asyncDispose]: async () => {} }
export const retry = { firstMs: 1, mostMs: 4, attempts: 3, breakerAfter: 3 }

/** What one write does: the sink's verdict on each message, or that it throws. */
export interface Verdicts {
  readonly throws: boolean
  readonly refused: ReadonlyMap<number, 'for now' | 'for good'>
}

/** Remembers what it took, and follows a script; without one it takes everything. */
export class ScriptedSink implements Sink {
  readonly taken: number[] = []
  readonly writes: number[] = []
  /** Writes that were under way at once, at most. */
  most = 0
  readonly #underWay = new Set<Batch>()
  #verdict: (batch: Batch) => Verdicts | undefined
  #turns: (write: number) => number

  /** A write takes so many turns of the event loop, at least one. */
  constructor(
    verdict: (batch: Batch) => Verdicts | undefined = () => undefined,
    turns: (write: number) => number = () => 1,
  ) {
    this.#verdict = verdict
    this.#turns = turns
  }

  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    for (const other of this.#underWay) expect(keysOf(batch).isDisjointFrom(keysOf(other))).toBe(true)
    this.#underWay.add(batch)
    this.most = Math.max(this.most, this.#underWay.size)
    try {
      return await this.#write(batch, signal)
    } finally {
      this.#underWay.delete(batch)
    }
  }

  async #write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    const turns = Math.max(1, this.#turns(this.writes.length))
    this.writes.push(batch.size)
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    const verdict = this.#verdict(batch)
    if (verdict?.throws === true) throw new HermesError('connector_unavailable', 'the sink is away')
    const rejections: Rejection[] = []
    for (let index = 0; index < batch.size; index += 1) {
      const kind = verdict?.refused.get(batch.value(index) as number)
      if (kind === undefined) this.taken.push(batch.value(index) as number)
      else rejections.push({ index, reason: kind, ...(kind === 'for now' ? { retryable: true } : {}) })
    }
    return rejections
  }

  async ping(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

export const slowly = (): number => 5

export function keysOf(batch: Batch): ReadonlySet<string> {
  return new Set(upTo(batch.size).flatMap((index) => batch.meta(index).key ?? []))
}

export class KeptLetters implements DeadLetters {
  readonly letters: DeadLetter[] = []

  async write(letters: readonly DeadLetter[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.letters.push(...letters)
  }

  get values(): number[] {
    return this.letters.map(({ payload }) => Number(Buffer.from(payload).toString()))
  }
}

/** Numbers from 0 in batches of these sizes; each position is the number after the last. */
export function numbers(sizes: readonly number[], keyOf: (value: number) => string | undefined): Source {
  return {
    ...disposable,
    async *read(_from, stop) {
      let next = 0
      for (const size of sizes) {
        if (stop.aborted) return
        const values = Array.from({ length: size }, (_, index) => next + index)
        next += size
        const metas = values.map((value) => {
          const key = keyOf(value)
          return key === undefined ? {} : { key }
        })
        yield valueBatch(values, next, metas)
      }
    },
  }
}

export interface Run {
  readonly sizes: readonly number[]
  readonly sinks: readonly Sink[]
  readonly deadLetters?: DeadLetters
  readonly keyOf?: (value: number) => string | undefined
  readonly parts?: Partial<SinkBranchParts>
  readonly onAck?: (position: unknown) => void
  readonly signal?: AbortSignal
}

export const takes = (route: string | undefined): boolean => route === undefined || route === 'a'

export function branchOf(sink: Sink, { deadLetters = new KeptLetters(), parts = {} }: Run): SinkBranch {
  const limits = { messages: 8, bytes: 1_000_000, everyMs: 0 }
  return new SinkBranch({
    stage: 'sinks.a',
    sink,
    limits,
    retry,
    deadLetters,
    clock: systemClock,
    random: () => 0,
    ...parts,
  })
}

export async function run(options: Run): Promise<void> {
  const { sizes, sinks, keyOf = () => undefined, onAck = () => undefined, signal = never } = options
  await using buffer = openMemoryBuffer({ messages: 50, consumers: sinks.length })
  const branches = sinks.map((sink) => branchOf(sink, options))
  await runPipeline({ source: numbers(sizes, keyOf), buffer, branches, stop: never, signal, onAck })
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
