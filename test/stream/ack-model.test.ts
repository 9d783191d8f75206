import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import type { Batch, Position } from '../../src/stream/batch.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import type { Delivery } from '../../src/stream/buffer.ts'
import { type Branch, runPipeline } from '../../src/stream/pipeline.ts'
import type { Source } from '../../src/stream/source.ts'
import { Stage } from '../../src/stream/stage.ts'
import type { Step, Stepped } from '../../src/stream/step.ts'
import { FakeClock } from '../fake-clock.ts'

const CONSUMERS = 3

const consumer = fc.nat({ max: CONSUMERS - 1 })
const which = fc.nat({ max: 5 })
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('feed' as const), size: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('ack' as const), consumer, which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('nack' as const), consumer, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

/** Lets go what it was given once that is so many messages: a window over numbers instead of time. */
class Window implements Step {
  readonly #most: number
  readonly #open: number[] = []
  #batches = 0

  constructor(most: number) {
    this.#most = most
  }

  apply(batch: Batch): Stepped {
    this.#open.push(...(batch.values() as readonly number[]))
    this.#batches += 1
    const isClosed = this.#open.length >= this.#most
    return { batch: valueBatch(isClosed ? this.#close() : [], batch.position) }
  }

  flush(_now: number, end: boolean): Batch | undefined {
    return end && this.#open.length > 0 ? valueBatch(this.#close()) : undefined
  }

  held(): number {
    return this.#batches
  }

  #close(): readonly number[] {
    this.#batches = 0
    return this.#open.splice(0)
  }
}

/** A consumer whose deliveries are acknowledged from outside, in whatever order. */
class HeldBranch implements Branch {
  readonly open: Delivery[] = []

  async deliver(deliveries: AsyncIterable<Delivery>, signal: AbortSignal): Promise<void> {
    for await (const delivery of deliveries) this.open.push(delivery)
    while (this.open.length > 0) {
      signal.throwIfAborted()
      await turn()
    }
  }
}

/** Numbers that were written, in batches; read from any of them on. */
class Log {
  /** Where each batch ends. */
  readonly #ends: number[] = []
  #bell = Promise.withResolvers<void>()
  #isComplete = false

  get size(): number {
    return this.#ends.at(-1) ?? 0
  }

  write(count: number): void {
    this.#ends.push(this.size + count)
    this.#ring()
  }

  complete(): void {
    this.#isComplete = true
    this.#ring()
  }

  source(signal: AbortSignal): Source {
    const from = (position: number): AsyncGenerator<Batch> => this.#read(position, signal)
    return {
      read: (position) => from((position as number | undefined) ?? 0),
      ping: async () => {},
      [Symbol.asyncDispose]: async () => {},
    }
  }

  async *#read(position: number, signal: AbortSignal): AsyncGenerator<Batch> {
    for (let at = position; !signal.aborted; ) {
      const end = this.#ends.find((each) => each > at)
      if (end !== undefined) {
        yield valueBatch(upTo(end).slice(at), end)
        at = end
      } else if (this.#isComplete) return
      else await this.#bell.promise
    }
  }

  #ring(): void {
    const bell = this.#bell
    this.#bell = Promise.withResolvers()
    bell.resolve()
  }

  /** Has who waits look again. */
  wake(): void {
    this.#ring()
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** Everything between two crashes. */
class Life {
  readonly branches = Array.from({ length: CONSUMERS }, () => new HeldBranch())
  readonly #abort = new AbortController()
  readonly #log: Log
  readonly #ended: Promise<unknown>

  constructor(log: Log, from: Position, most: number, onAck: (position: Position) => void) {
    this.#log = log
    const clock = new FakeClock()
    const steps = [{ stage: 'steps[0].window', step: new Window(most) }]
    const { signal } = this.#abort
    this.#ended = runPipeline({
      source: log.source(signal),
      from,
      stage: new Stage({ steps, deadLetters: { write: async () => {} }, clock }),
      buffer: openMemoryBuffer({ messages: 12, consumers: CONSUMERS }),
      branches: this.branches,
      stop: new AbortController().signal,
      signal,
      clock,
      onAck,
    }).catch((error: unknown) => error)
  }

  async crash(): Promise<void> {
    this.#abort.abort(new Error('killed'))
    this.#log.wake()
    await this.#ended
  }

  /** Resolves to what the run came to once everything is acknowledged. */
  async end(acknowledge: (consumer: number) => void): Promise<unknown> {
    const running = new AbortController()
    const ended = this.#ended.finally(() => running.abort())
    while (!running.signal.aborted) {
      for (let index = 0; index < CONSUMERS; index += 1) acknowledge(index)
      await turn()
    }
    return await ended
  }
}

/** What is durable, as disks would have it. */
class World {
  readonly #most: number
  readonly #log = new Log()
  readonly #acked = Array.from({ length: CONSUMERS }, () => new Set<number>())
  #position: number | undefined
  #life: Life

  constructor(most: number) {
    this.#most = most
    this.#life = this.#begin()
  }

  async run(step: Command): Promise<void> {
    if (step.do === 'feed') this.#log.write(step.size)
    else if (step.do === 'ack') this.#acknowledge(step.consumer, step.which)
    else if (step.do === 'nack') this.#putBack(step.consumer, step.which)
    else {
      await this.#life.crash()
      this.#life = this.#begin()
    }
    for (let count = 0; count < 6; count += 1) await turn()
  }

  /** Everything that was written is with all consumers in the end, and nothing is read again after that. */
  async end(): Promise<void> {
    this.#log.complete()
    expect(await this.#life.end((index) => this.#acknowledge(index, 0))).not.toBeInstanceOf(Error)
    const all = upTo(this.#log.size)
    for (const acked of this.#acked) expect([...acked].toSorted((one, other) => one - other)).toEqual(all)
    expect(this.#position ?? 0).toBe(this.#log.size)
  }

  #begin(): Life {
    return new Life(this.#log, this.#position, this.#most, (position) => this.#take(position as number))
  }

  /** Invariant 5: what a position speaks for is with every consumer. */
  #take(position: number): void {
    expect(position).toBeGreaterThan(this.#position ?? 0)
    for (const acked of this.#acked) expect(upTo(position).filter((each) => !acked.has(each))).toEqual([])
    this.#position = position
  }

  #acknowledge(index: number, place: number): void {
    const { open = [] } = this.#life.branches[index] ?? {}
    const [delivery] = open.splice(place % Math.max(1, open.length), 1)
    if (delivery === undefined) return
    for (const value of delivery.batch.values() as readonly number[]) this.#acked[index]?.add(value)
    delivery.ack()
  }

  /** What a sink did not take is tried again behind the others. */
  #putBack(index: number, place: number): void {
    const { open = [] } = this.#life.branches[index] ?? {}
    open.push(...open.splice(place % Math.max(1, open.length), 1))
  }
}

it('no position is acknowledged before every consumer has what it speaks for, whatever is fed, acknowledged, put back or killed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.array(command, { minLength: 1, maxLength: 60 }),
      async (most, commands) => {
        const world = new World(most)
        for (const each of commands) await world.run(each)
        await world.end()
      },
    ),
    { numRuns: 400, seed: 20_261_122 },
  )
})
