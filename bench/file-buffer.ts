import { join } from 'node:path'
import { runScript } from './child.ts'
import { atLeast, atMost, type Figure, interleave, median, megabytes, perSecond, ratio, seconds } from './measure.ts'
import { BATCH, payloads } from './payloads.ts'
import { workspace } from './workspace.ts'

const BATCHES = 1_000
const ROUNDS = 5
const GIGABYTE = 1e9

interface Flow {
  readonly messages: number
  /** Seconds until everything was acknowledged as durable … */
  readonly pushed: number
  /** … and until the consumer had it. */
  readonly taken: number
}

interface Recovery {
  readonly messages: number
  readonly bytes: number
  readonly first: number
  readonly taken: number
  readonly peakRss: number
}

const side = 'bench/file-buffer-side.ts'

async function flow(): Promise<Flow> {
  using folder = workspace()
  const taken = await runScript<Flow>(side, ['flow', join(folder.path, 'buffer'), String(BATCHES)])
  if (taken.messages !== BATCHES * BATCH) throw new Error(`${taken.messages} messages of ${BATCHES * BATCH}`)
  return taken
}

async function floor(): Promise<number> {
  using folder = workspace()
  const script = 'bench/floor/append.ts'
  return (await runScript<{ seconds: number }>(script, [join(folder.path, 'append'), String(BATCHES)])).seconds
}

/** A buffer of a gigabyte that nobody has taken anything of, left by a killed process: opened, and read to its end. */
async function recovery(): Promise<Recovery> {
  using folder = workspace()
  const dir = join(folder.path, 'buffer')
  const perBatch = payloads().reduce((sum, { length }) => sum + length, 0)
  const batches = Math.ceil(GIGABYTE / perBatch)
  await runScript(side, ['fill', dir, String(batches)], { endsBy: 'SIGKILL' })
  const taken = await runScript<Recovery>(side, ['recover', dir])
  if (taken.messages !== batches * BATCH) throw new Error(`${taken.messages} messages of ${batches * BATCH}`)
  return taken
}

const speed = (taken: number): string => perSecond((BATCHES * BATCH) / taken)

/** Batches of a thousand through the durable buffer in files, against the same bytes appended and synced by hand. */
export async function fileBufferBench(): Promise<Figure[]> {
  const { a, b } = await interleave(ROUNDS, flow, floor)
  const byHand = median(b)
  const pushed = median(a.map((each) => each.pushed))
  const taken = median(a.map((each) => each.taken))
  const recovered = await recovery()
  return [
    atLeast(
      `file buffer, 300 B, batches of 1,000, durable, share of the floor (Hermes ${speed(pushed)}, floor ${speed(byHand)})`,
      byHand / pushed,
      0.7,
      ratio,
    ),
    atLeast(`the same, taken by a consumer (${speed(taken)})`, byHand / taken, 0.7, ratio),
    atMost('file buffer of 1 GB after a kill, opened → first batch', recovered.first, 3, seconds),
    atMost('the same → all of it read, checked and acknowledged', recovered.taken, 3, seconds),
    atMost('the same, peak RSS', recovered.peakRss, 150e6, megabytes),
  ]
}
