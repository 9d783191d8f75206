// One side of the file-buffer bench: `flow` pushes and delivers, `fill` pushes and is killed, `recover` reads what is there.

import { systemClock } from '../src/clock.ts'
import { fileBuffer } from '../src/connectors/buffers/file.ts'
import { bytesBatch } from '../src/stream/batches.ts'
import type { Buffer } from '../src/stream/buffer.ts'
import { peakRss } from './child.ts'
import { payloads } from './payloads.ts'

const [mode = '', dir = '', count = ''] = process.argv.slice(2)
const batches = Number(count)
const never = new AbortController().signal
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

const seconds = (since: number): number => (performance.now() - since) / 1000

/** Resolves when all batches are durable; no two are the same object. */
async function pushAll(buffer: Buffer): Promise<void> {
  const messages = payloads()
  const { promise, resolve } = Promise.withResolvers<void>()
  let acked = 0
  for (let position = 0; position < batches; position += 1) {
    const ack = (): void => {
      acked += 1
      if (acked === batches) resolve()
    }
    await buffer.push(bytesBatch(messages, { position }), ack, never)
  }
  await promise
}

/** Takes everything, touches it, and says when the first of it came. */
async function takeAll(buffer: Buffer): Promise<{ messages: number; bytes: number; firstAt: number }> {
  let [messages, bytes, firstAt] = [0, 0, 0]
  for await (const delivery of buffer.pull(never)) {
    if (messages === 0) firstAt = performance.now()
    messages += delivery.batch.size
    bytes += delivery.batch.byteLength
    delivery.ack()
  }
  return { messages, bytes, firstAt }
}

const began = performance.now()
const buffer = await fileBuffer.open(
  { bytes: 4e9, whenFull: 'block' },
  { dir, consumers: ['sink'], clock: systemClock, log: quiet },
)
if (mode === 'fill') {
  await pushAll(buffer)
  console.log(JSON.stringify({ seconds: seconds(began) }))
  process.kill(process.pid, 'SIGKILL')
} else if (mode === 'flow') {
  const started = performance.now()
  const taking = takeAll(buffer)
  await pushAll(buffer)
  const pushed = seconds(started)
  buffer.end()
  const { messages } = await taking
  const taken = seconds(started)
  await buffer[Symbol.asyncDispose]()
  console.log(JSON.stringify({ messages, pushed, taken, peakRss: peakRss('self') }))
} else {
  buffer.end()
  const { messages, bytes, firstAt } = await takeAll(buffer)
  const taken = seconds(began)
  await buffer[Symbol.asyncDispose]()
  console.log(JSON.stringify({ messages, bytes, first: (firstAt - began) / 1000, taken, peakRss: peakRss('self') }))
}
