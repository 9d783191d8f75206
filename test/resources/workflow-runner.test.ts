import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { HermesError } from '../../src/errors.ts'
import type { Manifest } from '../../src/manifest/manifest.ts'
import type { OpenWorkflow } from '../../src/resources/open-workflow.ts'
import { WorkflowRunner } from '../../src/resources/workflow-runner.ts'
import type { WorkflowSpec } from '../../src/resources/workflow-spec.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { SinkBranch } from '../../src/stream/sink-branch.ts'
import { Stage } from '../../src/stream/stage.ts'
import { quiet } from '../quiet-log.ts'
import { manifest as manifestOf } from '../reconcile/manifests.ts'

const never = new AbortController().signal
const deadLetters = { write: async () => {} }
const retry = { firstMs: 5, mostMs: 20, attempts: 3, breakerAfter: 3 }

/** Numbers without end, a few at a time, and who got them; faults are switched on from outside. */
class World {
  readonly written: { readonly version: string; readonly value: number }[] = []
  readonly positions = new Map<string, unknown>()
  opened = 0
  closed = 0
  sinkIsAway = false
  pingFails = false
  sourceFailsAt = Number.POSITIVE_INFINITY
  endsAt = Number.POSITIVE_INFINITY

  readonly runner = new WorkflowRunner({
    clock: systemClock,
    log: quiet,
    positions: {
      read: async () => this.positions,
      save: async (moved) => moved.forEach((position, name) => this.positions.set(name, position)),
    },
    open: async (manifest) => this.#open(manifest.hash),
    observer: () => ({
      passed: () => undefined,
      filtered: () => undefined,
      failed: () => undefined,
      sink: () => ({ wrote: () => undefined, writeFailed: () => undefined, rejected: () => undefined }),
    }),
    drain: async () => {},
    onChange: () => undefined,
  })

  get values(): readonly number[] {
    return this.written.map(({ value }) => value)
  }

  async #open(version: string): Promise<OpenWorkflow> {
    this.opened += 1
    const sink = {
      write: async (batch: { values(): readonly unknown[] }) => {
        await delay(1)
        if (this.sinkIsAway) throw new HermesError('connector_unavailable', 'the sink is away')
        for (const value of batch.values()) this.written.push({ version, value: value as number })
        return []
      },
      ping: async () => {
        if (this.pingFails) throw new HermesError('connector_unavailable', 'nobody answers')
      },
      [Symbol.asyncDispose]: async () => {},
    }
    const limits = { messages: 100, bytes: 1_000_000, everyMs: 0 }
    const parts = { stage: 'sinks.a', sink, limits, retry, deadLetters, clock: systemClock, random: Math.random }
    return {
      source: {
        read: (from, stop) => this.#numbers(from as number | undefined, stop),
        ping: async () => {},
        [Symbol.asyncDispose]: async () => {},
      },
      openStage: async () => new Stage({ steps: [], deadLetters, clock: systemClock }),
      sinks: [{ name: 'a', sink, branch: new SinkBranch(parts) }],
      keepsPosition: false,
      lettersTrouble: () => undefined,
      ping: (signal) => Promise.resolve(signal.throwIfAborted()).then(() => sink.ping()),
      openBuffer: async () => openMemoryBuffer({ messages: 20 }),
      [Symbol.asyncDispose]: async () => {
        this.closed += 1
      },
    }
  }

  async *#numbers(from: number | undefined, stop: AbortSignal) {
    for (let next = from ?? 0; next < this.endsAt && !stop.aborted; next += 1) {
      await delay(2)
      if (next >= this.sourceFailsAt) {
        this.sourceFailsAt = Number.POSITIVE_INFINITY
        throw new HermesError('connector_unavailable', 'the source is away')
      }
      yield valueBatch([next], next + 1)
    }
  }
}

function workflow(version = 'one', spec: Partial<WorkflowSpec> = {}): Manifest<WorkflowSpec> {
  const whole = {
    source: { numbers: {} },
    steps: [],
    buffer: { memory: {} },
    sinks: [{ list: {}, name: 'a', batch: { messages: 100, bytes: 1_000_000, every: '0s' }, bestEffort: false }],
    delivery: { retry: { first: '5ms', longest: '20ms', attempts: 3 }, breaker: { failures: 3 }, drain: '2s' },
    suspend: false,
    ...spec,
  }
  return { ...manifestOf('Workflow', 'w', whole), hash: version } as Manifest<WorkflowSpec>
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const moment = { timeout: 10_000, interval: 5 }

describe('the runner of workflows', () => {
  it('starts nothing before it is started', async () => {
    const world = new World()
    await using runner = world.runner
    runner.ensure(workflow())
    await runner.change(workflow(), never)
    expect([world.opened, runner.names]).toEqual([0, []])
  })

  it('runs a workflow, and drains it when it stops; the position is that of the last message', async () => {
    const world = new World()
    await using runner = world.runner
    runner.start()
    runner.ensure(workflow())
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(10)
    expect(runner.health('w')).toMatchObject({ phase: 'running', failures: 0 })
    await runner.stop('w')
    expect(world.values).toEqual(upTo(world.values.length))
    expect(world.positions.get('w')).toBe(world.values.length)
    expect([world.opened, world.closed, runner.health('w')]).toEqual([1, 1, undefined])
  })

  it('changes a workflow at its position: nothing is lost, and nothing comes twice', async () => {
    const world = new World()
    await using runner = world.runner
    runner.start()
    await runner.change(workflow('one'), never)
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(5)
    await runner.change(workflow('two'), never)
    await expect.poll(() => world.written.filter(({ version }) => version === 'two').length, moment).toBeGreaterThan(5)
    await runner.stop('w')
    expect(world.values).toEqual(upTo(world.values.length))
    expect([world.opened, world.closed]).toEqual([2, 2])
  })

  it('keeps the old one in force when the new one does not answer, and says why', async () => {
    const world = new World()
    await using runner = world.runner
    runner.start()
    await runner.change(workflow('one'), never)
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(5)
    world.pingFails = true
    await expect(runner.change(workflow('two'), never)).rejects.toMatchObject({ code: 'connector_unavailable' })
    const before = world.values.length
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(before + 5)
    expect(new Set(world.written.map(({ version }) => version))).toEqual(new Set(['one']))
    expect([world.opened, world.closed]).toEqual([2, 1])
  })

  it('starts again what failed, at its position', async () => {
    const world = new World()
    world.sourceFailsAt = 7
    await using runner = world.runner
    runner.start()
    runner.ensure(workflow())
    await expect.poll(() => runner.health('w')?.phase, moment).toBe('failed')
    expect(runner.health('w')).toMatchObject({ failures: 1, error: { message: 'the source is away' } })
    expect(world.values).toEqual(upTo(7))
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(12)
    expect(runner.health('w')).toMatchObject({ phase: 'running', failures: 0 })
    expect(world.values).toEqual(upTo(world.values.length))
  })

  it('does not wait longer for a dead sink than it may; what was not written comes again', async () => {
    const world = new World()
    await using runner = world.runner
    runner.start()
    runner.ensure(workflow('one', { delivery: { ...workflow().spec.delivery, drain: '50ms' } }))
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(3)
    world.sinkIsAway = true
    await expect.poll(() => runner.health('w')?.sinks[0]?.breaker, moment).not.toBe('closed')
    await runner.stop('w')
    const { length } = world.values
    expect(world.positions.get('w')).toBe(length)
    world.sinkIsAway = false
    runner.ensure(workflow())
    await expect.poll(() => world.values.length, moment).toBeGreaterThan(length + 3)
    await runner.stop('w')
    expect(world.values).toEqual(upTo(world.values.length))
  })

  it('a source that ends has finished', async () => {
    const world = new World()
    world.endsAt = 5
    await using runner = world.runner
    runner.start()
    runner.ensure(workflow())
    await expect.poll(() => runner.health('w')?.phase, moment).toBe('finished')
    expect([world.values, world.positions.get('w')]).toEqual([upTo(5), 5])
  })
})
