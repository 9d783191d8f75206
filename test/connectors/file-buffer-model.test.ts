import { appendFileSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { openOverflowBuffer } from '../../src/connectors/buffers/overflow-buffer.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import type { Delivery, Buffer as MessageBuffer } from '../../src/stream/buffer.ts'
import { never, placeOf } from './buffers.ts'
import { BufferDirectory } from './file-buffer-world.ts'

const names = ['a', 'b', 'c'] as const

const consumers = fc.subarray([...names], { minLength: 1 })
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      sizes: fc.array(fc.nat(400), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('pull' as const),
      name: fc.constantFrom(...names),
      most: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('ack' as const), name: fc.constantFrom(...names), which: fc.nat(5) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('catchUp' as const), isAcked: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const), consumers }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), consumers }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('flip' as const),
      where: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bit: fc.nat(7),
      consumers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('tear' as const), bytes: fc.integer({ min: 1, max: 500 }), consumers }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never

/** What one consumer is owed. */
interface Owed {
  /** Batches from this number on must be given, but for those that were lost. */
  from: number
  /** The first that it may be given: less than `from` once there was a crash. */
  readonly least: number
  /** The number after the last that it was given since the buffer was opened. */
  given: number
  /** What it was given and has not acknowledged, oldest first. */
  readonly flying: { readonly number: number; readonly delivery: Delivery }[]
}

/** Up to where a consumer has acknowledged of what it was given; less than zero when it was given nothing. */
const cursorOf = ({ flying, given }: Owed): number => flying[0]?.number ?? given

const limits = { bytes: 1e9, segmentBytes: 3_000 }

/** A kind of buffer over the directory. */
interface Subject {
  open(directory: BufferDirectory, open: readonly string[]): Promise<MessageBuffer>
  /** Every push is acknowledged by itself. */
  readonly isDurable: boolean
}

const inFiles: Subject = {
  open: (directory, open) => directory.open({ consumers: open, ...limits }),
  isDurable: true,
}

const inMemoryAndFiles: Subject = {
  open: ({ path, warnings }, open) =>
    openOverflowBuffer({ memory: { messages: 8 }, file: limits }, placeOf(path, open, warnings)),
  isDurable: false,
}

/** A buffer beside the simplest thing that says what it should do: a list of batches, and where each consumer stands. */
class Model implements AsyncDisposable {
  readonly #subject: Subject
  #directory = new BufferDirectory()
  #buffer!: MessageBuffer
  #names: readonly string[] = []
  #owed = new Map<string, Owed>()
  /** Sizes of payloads by number of batch. */
  readonly #pushed: (readonly number[])[] = []
  readonly #lost = new Set<number>()
  /** Places of frames with a turned bit: another one could mend it. */
  readonly #flipped = new Set<string>()
  /** Batches before this one were acknowledged to the source. */
  #acked = 0
  /** What may be missing: pushed before a crash and not acknowledged then. */
  readonly #optional = new Set<number>()

  constructor(subject: Subject) {
    this.#subject = subject
  }

  async open(open: readonly string[], isClean: boolean): Promise<void> {
    this.#buffer = await this.#subject.open(this.#directory, open)
    const owed = new Map<string, Owed>()
    for (const name of open) {
      const before = this.#owed.get(name)
      const from = before?.from ?? this.#pushed.length
      // One that was not there begins at the end, whatever of it is still there after a crash.
      const least = before === undefined ? from : isClean && before.given >= 0 ? cursorOf(before) : before.least
      owed.set(name, { from, least, given: -1, flying: [] })
    }
    this.#owed = owed
    this.#names = open
  }

  async play(what: Command): Promise<void> {
    switch (what.do) {
      case 'push':
        return await this.#push(what.sizes)
      case 'pull':
        return await this.#pull(what.name, what.most)
      case 'ack':
        return this.#ack(what.name, what.which)
      case 'settle':
        return await this.#settle()
      case 'catchUp':
        return await this.#catchUp(what.isAcked)
      case 'reopen':
        await this.#buffer[Symbol.asyncDispose]()
        if (this.#subject.isDurable) expect(this.#acked).toBe(this.#pushed.length)
        this.#forgetUnacknowledged()
        return await this.open(what.consumers, true)
      case 'crash':
        return await this.#crash(what.consumers)
      case 'flip':
        return await this.#crash(what.consumers, () => this.#flip(what.where, what.bit))
      case 'tear':
        return await this.#crash(what.consumers, () => this.#tear(what.bytes))
      default:
        what satisfies never
    }
  }

  /** Everything that is owed must come when the buffer ends; and everything is acknowledged when all was given. */
  async finish(): Promise<void> {
    if (this.#subject.isDurable) {
      await this.#buffer[Symbol.asyncDispose]()
      await this.open(this.#names, true)
    }
    this.#buffer.end()
    for (const name of this.#names) await this.#pull(name, Number.POSITIVE_INFINITY)
    for (const [name, { given, from }] of this.#owed) this.#expectNone(name, Math.max(given, from), this.#pushed.length)
    this.#ackAll()
    await expect.poll(() => this.#acked, { interval: 1 }).toBe(this.#pushed.length)
    expect(this.#buffer.depth()).toEqual({ messages: 0, bytes: 0, dropped: 0 })
  }

  async #settle(): Promise<void> {
    if (this.#subject.isDurable) await expect.poll(() => this.#acked, { interval: 1 }).toBe(this.#pushed.length)
    else await delay(5)
  }

  async #catchUp(isAcked: boolean): Promise<void> {
    for (const name of this.#names) await this.#pull(name, 1_000)
    if (isAcked) this.#ackAll()
  }

  #ackAll(): void {
    for (const [name, { flying }] of this.#owed) while (flying.length > 0) this.#ack(name, 0)
  }

  /** A source would read it again. */
  #forgetUnacknowledged(): void {
    for (let number = this.#acked; number < this.#pushed.length; number += 1) this.#optional.add(number)
    this.#acked = this.#pushed.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#buffer[Symbol.asyncDispose]()
    this.#directory[Symbol.dispose]()
  }

  async #push(sizes: readonly number[]): Promise<void> {
    const number = this.#pushed.length
    this.#pushed.push(sizes)
    const payloads = sizes.map((size) => new Uint8Array(size).fill(number % 251))
    const batch = bytesBatch(payloads, { position: number })
    const directory = this.#directory
    const ack = (): void => {
      // An acknowledgement that comes after the crash reached nobody.
      if (directory !== this.#directory) return
      expect(this.#acked).toBe(number)
      this.#acked = number + 1
    }
    await this.#buffer.push(batch, ack, never)
  }

  async #pull(name: string, most: number): Promise<void> {
    const owed = this.#owed.get(name)
    if (owed === undefined) return
    const soon = new AbortController()
    const timer = most === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => soon.abort(), 8)
    try {
      let count = 0
      for await (const delivery of this.#buffer.pull(soon.signal, this.#names.indexOf(name))) {
        this.#take(name, owed, delivery)
        count += 1
        if (count >= most) break
      }
    } catch (error) {
      if (!soon.signal.aborted) throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #take(name: string, owed: Owed, delivery: Delivery): void {
    const number = delivery.batch.position as number
    expect(this.#lost.has(number)).toBe(false)
    if (owed.given < 0) {
      expect(number).toBeGreaterThanOrEqual(owed.least)
      this.#expectNone(name, owed.from, number)
    } else {
      expect(number).toBeGreaterThanOrEqual(owed.given)
      // What it acknowledged from memory does not come again between what it did from the files.
      this.#expectNone(name, this.#subject.isDurable ? owed.given : Math.max(owed.given, owed.from), number)
    }
    const sizes = this.#pushed[number] ?? []
    expect(delivery.batch.size).toBe(sizes.length)
    for (const [index, size] of sizes.entries()) {
      expect(Buffer.from(delivery.batch.bytes(index)).equals(Buffer.alloc(size, number % 251))).toBe(true)
    }
    owed.given = number + 1
    owed.flying.push({ number, delivery })
  }

  /** Nothing that must be given is between two numbers. */
  #expectNone(name: string, from: number, to: number): void {
    for (let number = from; number < to; number += 1) {
      expect(this.#lost.has(number) || this.#optional.has(number), `${number} for ${name}`).toBe(true)
    }
  }

  #ack(name: string, which: number): void {
    const owed = this.#owed.get(name)
    const [flight] = owed?.flying.splice(which % Math.max(1, owed.flying.length), 1) ?? []
    if (owed === undefined || flight === undefined) return
    flight.delivery.ack()
    owed.from = Math.max(owed.from, cursorOf(owed))
  }

  /** What is on the disk now, and the damage done to it, is all that is left. */
  async #crash(open: readonly string[], damage?: () => void): Promise<void> {
    const crashed = this.#directory
    const buffer = this.#buffer
    this.#directory = crashed.copy()
    this.#forgetUnacknowledged()
    damage?.()
    await buffer[Symbol.asyncDispose]()
    crashed[Symbol.dispose]()
    await this.open(open, false)
  }

  #flip(where: number, bit: number): void {
    const frames = this.#directory.frames()
    const frame = frames[Math.floor(where * frames.length)]
    if (frame === undefined) return
    const place = `${basename(frame.file)} ${frame.offset}`
    if (this.#flipped.has(place)) return
    this.#flipped.add(place)
    const offset = frame.offset + Math.floor(((where * frames.length) % 1) * frame.length)
    const bytes = readFileSync(frame.file).subarray(frame.offset, frame.offset + frame.length)
    const count = bytes.readUInt32LE(16)
    const notes = bytes.subarray(48 + 4 * count, 48 + 4 * count + bytes.readUInt32LE(20))
    this.#lost.add((JSON.parse(notes.toString()) as { position: number }).position)
    this.#directory.flip(frame.file, offset, bit)
  }

  #tear(count: number): void {
    const file = this.#directory.files().at(-1)
    if (file === undefined) return
    appendFileSync(
      file,
      readFileSync(file)
        .subarray(0, count)
        .map((byte, index) => (index === 5 ? byte ^ 1 : byte)),
    )
  }
}

it.each([
  ['a buffer in files', inFiles],
  ['one in memory and files', inMemoryAndFiles],
] as const)(
  '%s gives each consumer everything it is owed, in order, whatever crashes and turned bits come between',
  async (_, subject) => {
    await fc.assert(
      fc.asyncProperty(
        consumers,
        fc.array(command, { minLength: 20, maxLength: 70, size: 'max' }),
        async (first, commands) => {
          await using model = new Model(subject)
          await model.open(first, true)
          for (const what of commands) await model.play(what)
          await model.finish()
        },
      ),
      { numRuns: 60, seed: 20_261_121, endOnFailure: true },
    )
  },
  120_000,
)
