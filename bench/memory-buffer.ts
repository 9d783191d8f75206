import { runScript } from './child.ts'
import { atMost, type Figure, median } from './measure.ts'

const SIZE = 1_000
const BATCHES = 20_000
const ROUNDS = 5
const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']

/** Of one batch through the buffer. */
interface Slot {
  readonly ns: number
  readonly bytes: number
}

async function slot(size: number): Promise<Slot> {
  const taken: Slot[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    taken.push(await runScript<Slot>('bench/memory-buffer-side.ts', [String(size), String(BATCHES)], { flags }))
  }
  return { ns: median(taken.map(({ ns }) => ns)), bytes: median(taken.map(({ bytes }) => bytes)) }
}

const nanoseconds = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ns`
const octets = (value: number): string => `${value.toFixed(2)} B`

/** What a place in the memory buffer costs, from the push to the acknowledgement. */
export async function memoryBufferBench(): Promise<Figure[]> {
  const many = await slot(SIZE)
  const one = await slot(1)
  const perBatch = `a batch costs ${nanoseconds(many.ns)} and ${Math.round(many.bytes)} B, one of a single message ${nanoseconds(one.ns)} and ${Math.round(one.bytes)} B`
  return [
    atMost(
      `memory buffer, batches of 1,000, push → pull → ack, a message (${perBatch})`,
      many.ns / SIZE,
      22,
      nanoseconds,
    ),
    atMost(
      'the same, allocated for each further message of a batch',
      Math.max(0, many.bytes - one.bytes) / (SIZE - 1),
      0.1,
      octets,
    ),
  ]
}
