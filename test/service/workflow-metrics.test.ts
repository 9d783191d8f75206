import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { CountedBatch, samePayload } from '../../src/connectors/sources/counted-batch.ts'
import { countsAt, WorkflowCounters } from '../../src/resources/workflow-counters.ts'
import { openWorkflowMetrics, type WorkflowFigures } from '../../src/service/workflow-metrics.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch, pick, valueBatch, withMetas, withValues } from '../../src/stream/batches.ts'
import { Distribution } from '../../src/stream/distribution.ts'
import { FakeClock } from '../fake-clock.ts'

function spread(bounds: readonly number[], values: readonly number[]): Distribution {
  const made = new Distribution(bounds)
  for (const value of values) made.add(value)
  return made
}

const sizes = new Map([['free', spread([1, 10], [1, 3, 100])]])

const of: WorkflowFigures = {
  workflow: 'trades',
  read: 10,
  filtered: 3,
  keys: { present: 5, missing: 1 },
  passed: new Map([['steps[0].filter', 6]]),
  dropped: 2,
  failed: new Map([['validate', 1]]),
  sinks: new Map([
    [
      'cold',
      { written: 4, writes: 2, writeErrors: 1, rejected: 1, durations: spread([0.002, 1], [0.001, 0.5]), sizes },
    ],
  ]),
  buffered: 7,
  bufferedBytes: 700,
}

async function scraped(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

it('has the series of each workflow, and no more of one that is gone', async () => {
  const registry = new Registry()
  let figures: readonly WorkflowFigures[] = [of]
  openWorkflowMetrics([registry], () => figures)
  expect(await scraped(registry)).toEqual(
    expect.arrayContaining([
      'hermes_engine_messages_processed_total{workflow="trades"} 10',
      'hermes_engine_messages_filtered_total{workflow="trades"} 3',
      'hermes_engine_messages_dropped_total{workflow="trades"} 2',
      'hermes_engine_idempotency_keys_total{workflow="trades",key="present"} 5',
      'hermes_engine_idempotency_keys_total{workflow="trades",key="missing"} 1',
      'hermes_engine_message_errors_total{workflow="trades",stage="validate"} 1',
      'hermes_engine_message_errors_total{workflow="trades",stage="sinks.cold"} 2',
      'hermes_engine_dead_letter_total{workflow="trades",stage="validate"} 1',
      'hermes_engine_dead_letter_total{workflow="trades",stage="sinks.cold"} 1',
      'hermes_engine_sink_messages_total{workflow="trades",sink="cold"} 4',
      'hermes_engine_sink_writes_total{workflow="trades",sink="cold"} 2',
      'hermes_engine_sink_write_errors_total{workflow="trades",sink="cold"} 1',
      'hermes_workflow_node_processed_total{workflow="trades",node="steps[0].filter"} 6',
      'hermes_workflow_node_errors_total{workflow="trades",node="validate"} 1',
      'hermes_engine_buffer_messages{workflow="trades"} 7',
      'hermes_engine_buffer_bytes{workflow="trades"} 700',
      'hermes_engine_processing_duration_seconds_bucket{le="0.002",workflow="trades",sink="cold"} 1',
      'hermes_engine_processing_duration_seconds_bucket{le="+Inf",workflow="trades",sink="cold"} 2',
      'hermes_engine_processing_duration_seconds_sum{workflow="trades",sink="cold"} 0.501',
      'hermes_engine_processing_duration_seconds_count{workflow="trades",sink="cold"} 2',
      'hermes_engine_batch_messages_bucket{le="1",workflow="trades",sink="cold",trigger="free"} 1',
      'hermes_engine_batch_messages_bucket{le="10",workflow="trades",sink="cold",trigger="free"} 2',
      'hermes_engine_batch_messages_bucket{le="+Inf",workflow="trades",sink="cold",trigger="free"} 3',
      'hermes_engine_batch_messages_sum{workflow="trades",sink="cold",trigger="free"} 104',
    ]),
  )
  figures = []
  expect(await scraped(registry)).toEqual([])
})

it('counts messages with and without an idempotency key, whatever their batch is', () => {
  const payloads = [1, 2, 3].map((each) => Buffer.from(String(each)))
  const mixed = withMetas(valueBatch([1, 2, 3]), [{ id: 'a' }, {}, { id: 'c' }])
  const batches: readonly (readonly [Batch, number])[] = [
    [new CountedBatch(samePayload(1)(3), 0, 3), 3],
    [bytesBatch(payloads), 0],
    [bytesBatch(payloads, { metas: [{ id: 'a' }, {}, {}] }), 1],
    [mixed, 2],
    [pick(mixed, [1, 2]), 1],
    [pick(new CountedBatch(samePayload(1)(3), 0, 3), [1]), 1],
    [withValues(mixed, [4, 5, 6]), 2],
    [withValues(bytesBatch(payloads), [4, 5, 6]), 0],
  ]
  for (const [batch, present] of batches) {
    const counters = new WorkflowCounters(new FakeClock())
    counters.left(batch)
    expect(counters.counts.keys).toEqual({ present, missing: batch.size - present })
  }
})

it('counts nothing of a node that a change took out of the workflow', () => {
  const counters = new WorkflowCounters(new FakeClock())
  counters.failed('validate', 1)
  counters.passed('steps[0].filter', valueBatch([1]))
  for (const sink of ['old', 'new']) counters.sink(sink)
  const { failed, passed, sinks } = countsAt(counters.counts, ['source', 'steps[0].filter', 'sinks.new'])
  expect([[...failed.keys()], [...passed.keys()], [...sinks.keys()]]).toEqual([[], ['steps[0].filter'], ['new']])
})
