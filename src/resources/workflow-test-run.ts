import type { Clock } from '../clock.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { Batch, Meta } from '../stream/batch.ts'
import { bytesBatch } from '../stream/batches.ts'
import type { DeadLetter } from '../stream/dead-letter.ts'
import { Stage } from '../stream/stage.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { openSteps, takesOf } from './workflow-stage.ts'
import type { TestMessage, Wait } from './workflow-test-messages.ts'
import { workflowView } from './workflow-view.ts'

/** A message as a sink would get it. */
export interface Delivered {
  readonly payload: Uint8Array
  readonly meta: Meta
}

/** What became of the messages of a case. */
export interface Outcome {
  /** By name of a sink; each has its list. */
  readonly sinks: ReadonlyMap<string, readonly Delivered[]>
  readonly letters: readonly DeadLetter[]
  readonly filtered: number
}

/** A workflow between its source and its sinks, neither of which is opened; for one case after the other. */
export interface TestBench {
  /** Where messages may fail: `validate`, `steps[0].set`. */
  readonly stages: readonly string[]
  /** What goes in from `startMs` on by the clock, through steps that know of nothing before; windows close at the end. */
  run(input: readonly (TestMessage | Wait)[], startMs: number, signal: AbortSignal): Promise<Outcome>
}

/** Opens a bench: expressions and schemas are compiled once. Throws what keeps the workflow from running. */
export async function openTestBench(workflow: Manifest<WorkflowSpec>, root: string): Promise<TestBench> {
  const view = workflowView(workflow)
  const stepsForRun = await openSteps(view, { root })
  return {
    stages: stepsForRun(undefined).map(({ stage }) => stage),
    run: async (input, startMs, signal) => {
      const clock = new TestClock(startMs)
      const letters: DeadLetter[] = []
      let filtered = 0
      const observer = {
        passed: () => undefined,
        failed: () => undefined,
        filtered: (_stage: string, messages: number) => {
          filtered += messages
        },
      }
      const deadLetters = { write: async (found: readonly DeadLetter[]) => void letters.push(...found) }
      const stage = new Stage({ steps: stepsForRun(undefined), deadLetters, clock, observer })
      const delivered: Delivered[] = []
      for await (const batch of passed(stage, clock, input, signal)) {
        for (let index = 0; index < batch.size; index += 1) {
          delivered.push({ payload: batch.bytes(index), meta: batch.meta(index) })
        }
      }
      const sinks = view.sinks.map((sink) => {
        const takes = takesOf(sink)
        return [sink.name, delivered.filter(({ meta }) => takes(meta.route))] as const
      })
      return { sinks: new Map(sinks), letters, filtered }
    },
  }
}

/** As often the engine asks for what is due by time. */
const TICK_MS = 1_000
const MOST_TICKS = 10_000

/** Messages go in one by one: what fails is told in their order. */
async function* passed(
  stage: Stage,
  clock: TestClock,
  input: readonly (TestMessage | Wait)[],
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  for (const [index, each] of input.entries()) {
    signal.throwIfAborted()
    if ('waitMs' in each) yield* waited(stage, clock, each.waitMs, signal)
    else yield await stage.pass(bytesBatch([each.payload], { position: index + 1, metas: [each.meta] }), signal)
  }
  yield* await stage.flush(true, signal)
}

async function* waited(stage: Stage, clock: TestClock, ms: number, signal: AbortSignal): AsyncGenerator<Batch> {
  const tickMs = Math.max(TICK_MS, Math.ceil(ms / MOST_TICKS))
  const end = clock.now() + ms
  while (clock.now() < end) {
    await clock.sleep(Math.min(tickMs, end - clock.now()))
    if (stage.hasWindows) yield* await stage.flush(false, signal)
  }
}

/** Time that passes only when somebody waits. */
class TestClock implements Clock {
  #now: number

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  async sleep(ms: number): Promise<void> {
    this.#now += ms
  }
}
