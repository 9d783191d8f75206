import { expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import type { Subject } from '../../src/reconcile/controller.ts'
import { workflowController } from '../../src/resources/workflow.ts'
import type { WorkflowSpec } from '../../src/resources/workflow-spec.ts'
import { manifest } from '../reconcile/manifests.ts'

const never = new AbortController().signal

const batch = { messages: 1, bytes: 1, every: '0s' }
const delivery = { retry: { first: '1s', longest: '1s', attempts: 1 }, breaker: { failures: 1 }, drain: '1s' }

/** A workflow whose source reads from this slot. */
function workflow(slot: string) {
  const changes = { tables: ['a'], slot, deletionPolicy: 'delete' }
  const spec: WorkflowSpec = {
    source: { postgres: { url: 'postgres://h/db', changes } },
    steps: [],
    buffer: { memory: {} },
    sinks: [{ drop: {}, batch, bestEffort: false }],
    delivery,
    suspend: false,
  }
  return { ...manifest('Workflow', 'orders', spec), spec, hash: slot }
}

const claimOf = ({ hash, spec }: { hash: string; spec: WorkflowSpec }) => ({ hash, spec })

/** A controller that tells what it was asked to do; `away` counts the times that clearing up fails. */
function world(away = 0) {
  const done: string[] = []
  let failures = away
  const controller = workflowController({
    check: async () => undefined,
    change: async ({ hash }) => void done.push(`change ${hash}`),
    clear: async () => {
      done.push('clear')
      failures -= 1
      if (failures >= 0) throw new HermesError('connector_unavailable', 'nobody answers')
    },
    halt: async () => void done.push('halt'),
    remove: async () => void done.push('remove'),
  })
  const lap = async (subject: Subject<WorkflowSpec>): Promise<readonly string[]> => {
    const actual = await controller.observe([subject], never)
    const steps = controller.plan(subject, actual.get(subject.name))
    for (const step of steps) await controller.apply(subject, step, never)
    return steps.map(({ summary }) => summary)
  }
  return { done, lap }
}

it('drops what the former source made once the new one runs, which is not started again while that fails', async () => {
  const { done, lap } = world(2)
  const [before, after] = [workflow('hermes_a'), workflow('hermes_b')]
  const subject = { name: 'orders', desired: after, settled: claimOf(before), claims: [before, after].map(claimOf) }
  await expect(lap(subject)).rejects.toThrow('nobody answers')
  await expect(lap(subject)).rejects.toThrow('nobody answers')
  const [summary] = await lap(subject)
  expect(summary).toMatch(/^change it .*; drop the replication slot hermes_a and the publication hermes_a$/)
  expect(done).toEqual(['change hermes_b', 'clear', 'clear', 'clear'])
  expect(await lap(subject)).toEqual([])
})

it('stops a removed workflow and forgets its position before it drops what that made, and the rest after', async () => {
  const { done, lap } = world(1)
  const claims = [claimOf(workflow('hermes_a'))]
  const subject = { name: 'orders', settled: claims[0], claims } as Subject<WorkflowSpec>
  await expect(lap(subject)).rejects.toThrow('nobody answers')
  expect(await lap(subject)).toEqual([expect.stringContaining('drop the replication slot hermes_a')])
  expect(done).toEqual(['halt', 'clear', 'halt', 'clear', 'remove'])
  expect(await lap(subject)).toEqual([])
})

it('clears up behind a workflow that was begun and never came to be settled', async () => {
  const { done, lap } = world()
  const subject = { name: 'orders', claims: [claimOf(workflow('hermes_a'))] }
  expect(await lap(subject)).toHaveLength(1)
  expect(done).toEqual(['halt', 'clear', 'remove'])
  expect(await lap(subject)).toEqual([])
})

it('leaves everything to the workflow that takes it over', async () => {
  const { lap } = world()
  const claims = [claimOf(workflow('hermes_a'))]
  const subject = { name: 'orders', settled: claims[0], claims, takenBy: 'renamed' } as Subject<WorkflowSpec>
  expect((await lap(subject)).join()).not.toContain('drop')
})
