// One side of the memory-buffer bench: batches of so many messages pushed, pulled and acknowledged, one after the other.
// Run with `--expose-gc` and a space for new objects that holds all that is allocated meanwhile.
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { openMemoryBuffer } from '../src/connectors/buffers/memory.ts'
import { bytesBatch } from '../src/stream/batches.ts'

const [size = '', count = ''] = process.argv.slice(2)
const never = new AbortController().signal
const payload = Buffer.from(`{"note":"${'x'.repeat(289)}"}`)
const batch = bytesBatch(Array.from({ length: Number(size) }, () => payload))
await using buffer = openMemoryBuffer({ messages: 65_536, bytes: 67_108_864 })
const pulled = buffer.pull(never)[Symbol.asyncIterator]()
let released = 0
const ack = (): void => {
  released += 1
}

async function pass(batches: number): Promise<void> {
  for (let each = 0; each < batches; each += 1) {
    await buffer.push(batch, ack, never)
    const { value } = await pulled.next()
    value.ack()
  }
}

let collections = 0
new PerformanceObserver((list) => {
  collections += list.getEntries().length
}).observe({ entryTypes: ['gc'] })

const batches = Number(count)
await pass(batches)
globalThis.gc?.()
await delay(10)
const [before, seen, began] = [process.memoryUsage().heapUsed, collections, performance.now()]
await pass(batches)
const ms = performance.now() - began
const bytes = process.memoryUsage().heapUsed - before
await delay(10)
if (collections !== seen) throw new Error('garbage was collected meanwhile: what was allocated is not known')
if (released !== batches * 2) throw new Error(`${released} batches of ${batches * 2} were released`)
console.log(JSON.stringify({ ns: (ms * 1e6) / batches, bytes: bytes / batches }))
