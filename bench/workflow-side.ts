// One side of the workflow bench: `drop` makes messages and drops them, `file` takes lines of JSON from a file to a file.

import { systemClock } from '../src/clock.ts'
import { openMemoryBuffer } from '../src/connectors/buffers/memory.ts'
import { dropSink } from '../src/connectors/sinks/drop.ts'
import { fileSink } from '../src/connectors/sinks/file.ts'
import { followFileSource } from '../src/connectors/sources/follow-file.ts'
import { generateSource } from '../src/connectors/sources/generate.ts'
import { filterStep } from '../src/connectors/steps/filter.ts'
import { setStep } from '../src/connectors/steps/set.ts'
import type { Context, Log } from '../src/stream/connector.ts'
import { runPipeline } from '../src/stream/pipeline.ts'
import type { Sink } from '../src/stream/sink.ts'
import { SinkBranch } from '../src/stream/sink-branch.ts'
import type { Source } from '../src/stream/source.ts'
import { type PlacedStep, Stage } from '../src/stream/stage.ts'

const [mode = '', from = '', to = '', count = ''] = process.argv.slice(2)
const never = new AbortController().signal
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const refuse = (): never => {
  throw new Error('not part of this bench')
}
const context: Context = {
  clock: systemClock,
  log,
  secrets: { get: refuse },
  http: { request: refuse },
  tables: { writer: refuse },
}
const deadLetters = { write: async () => refuse() }
const retry = { firstMs: 200, mostMs: 30_000, attempts: 10, breakerAfter: 5 }

/** As the defaults of a Workflow's manifest have it. */
async function run(source: Source, steps: readonly PlacedStep[], sink: Sink): Promise<number> {
  const limits = { messages: 10000, bytes: 8_388_608, everyMs: 0 }
  const parts = { stage: 'sinks.a', sink, limits, retry, deadLetters, clock: systemClock, random: Math.random }
  await using buffer = openMemoryBuffer({ messages: 65_536, bytes: 67_108_864 })
  const stage = new Stage({ steps, deadLetters, clock: systemClock })
  const branches = [new SinkBranch(parts)]
  const { messages } = await runPipeline({ source, stage, buffer, branches, stop: never, signal: never })
  return messages
}

async function drop(): Promise<number> {
  const payload = { id: 1, note: 'x'.repeat(278) }
  const settings = { payload, count: Number(count), batch: 1_000 }
  await using source = await generateSource.open(settings, context)
  await using sink = await dropSink.open({}, context)
  return await run(source, [], sink)
}

async function file(): Promise<number> {
  const reading = {
    path: from,
    follow: false,
    start: 'beginning',
    maxLineBytes: 1_048_576,
    longLines: 'fail',
    poll: '1s',
  }
  await using source = await followFileSource.open(reading as never, context)
  await using sink = await fileSink.open({ path: to }, context)
  const steps = [
    { stage: 'steps[0].filter', step: filterStep.open('message.id % 10 != 0') },
    { stage: 'steps[1].set', step: setStep.open({ total: 'message.price * 2' }) },
  ]
  return await run(source, steps, sink)
}

const started = performance.now()
const messages = mode === 'drop' ? await drop() : await file()
console.log(JSON.stringify({ messages, seconds: (performance.now() - started) / 1_000 }))
