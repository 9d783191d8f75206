import { describe, expect, it } from 'vitest'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { Bench, freshContents } from './bench.ts'
import { connection, snapshot, source } from './manifests.ts'
import { MemoryLedger } from './memory-ledger.ts'
import { World } from './world.ts'

/** A world and a ledger that die at the nth change to either, and stay dead for the engine that was over them. */
class Mortal {
  readonly world = new World()
  readonly ledger = new MemoryLedger()
  #left = Number.POSITIVE_INFINITY
  #crash: () => void = () => undefined
  crashed = false

  constructor() {
    this.ledger.beforeWrite = () => this.#change()
    this.world.beforeStep = () => this.#change()
  }

  /** Runs an engine that is killed before its `change`th change; false when it lived to settle. */
  async runUntil(change: number, manifests: readonly Manifest[]): Promise<boolean> {
    const bench = new Bench(this)
    this.#left = change
    this.crashed = false
    this.#crash = () => {
      bench.abort.abort()
      bench.stop.abort()
    }
    bench.feed.show(snapshot(manifests))
    await Promise.race([bench.running, bench.engine.settled().then(() => this.#settle(bench))])
    await bench[Symbol.asyncDispose]()
    this.#left = Number.POSITIVE_INFINITY
    return this.crashed
  }

  /** Runs an engine to the end, approving what it asks for. */
  async #settle(bench: Bench): Promise<void> {
    for (;;) {
      const blocked = bench.engine.state().resources.find(({ outcome }) => outcome.state === 'blocked')
      if (blocked?.outcome.state !== 'blocked' || this.crashed) return
      await bench.engine.approve(blocked.outcome.approval).catch(() => [])
      await bench.engine.settled()
    }
  }

  #change(): void {
    this.#left -= 1
    if (this.#left > 0) return
    this.crashed = true
    this.#crash()
    throw new Error('killed')
  }
}

const many = Array.from({ length: 24 }, (_, index) => source(`s${index}`, { table: `t${index % 3}` }))

const cases: Record<string, { from: Manifest[]; to: Manifest[] }> = {
  creation: { from: [], to: [source('a', { connection: 'c' }), source('b', { table: 'u' }), connection('c')] },
  change: { from: [source('a')], to: [source('a', { columns: ['id', 'x'] }), source('b')] },
  'loss of columns': {
    from: [source('a', { columns: ['id', 'x', 'y', 'z'] })],
    to: [source('a', { columns: ['id'] })],
  },
  removal: { from: [source('a'), source('b'), source('z', { table: 'u' })], to: [source('z', { table: 'u' })] },
  'move to another table': { from: [source('a'), source('b')], to: [source('a', { table: 'u' }), source('b')] },
  'move to another name': {
    from: [source('old')],
    to: [source('new', { table: 'u' }, { annotations: { 'hermes/moved-from': 'old' } })],
  },
  'removal of many': { from: many, to: [source('z')] },
}

describe('an engine killed before any change to ledger or world', () => {
  it.each(Object.keys(cases))('goes on after a %s as if nothing had been', async (name) => {
    const { from = [], to = [] } = cases[name] ?? {}
    const expected = await freshContents(to)
    let crashes = 0
    for (let change = 1; ; change += 1) {
      const mortal = new Mortal()
      if (from.length > 0) await mortal.runUntil(Number.POSITIVE_INFINITY, from)
      const crashed = await mortal.runUntil(change, to)
      await mortal.runUntil(Number.POSITIVE_INFINITY, to)
      expect(mortal.world.contents, `killed at change ${change}`).toEqual(expected)
      await using last = new Bench(mortal)
      expect((await last.plan(to)).resources, `killed at change ${change}`).toEqual([])
      if (!crashed) break
      crashes += 1
    }
    expect(crashes).toBeGreaterThan(3)
  })
})
