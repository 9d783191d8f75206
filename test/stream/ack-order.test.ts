import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AckOrder } from '../../src/stream/ack-order.ts'

/** Adds batches 0, 1, 2 … and remembers what was released. */
class World {
  readonly released: number[] = []
  readonly order = new AckOrder()
  #count = 0

  add(held = 0): () => void {
    const index = this.#count
    this.#count += 1
    return this.order.add(() => this.released.push(index), held)
  }
}

describe('the order of acknowledgements', () => {
  it('hands on at once what nothing holds back, and what came before with it', () => {
    const { add, released } = bound(new World())
    const [first, second, third] = [add(), add(), add()]
    first()
    expect(released).toEqual([0])
    third()
    expect(released).toEqual([0, 1, 2])
    second()
    expect(released).toEqual([0, 1, 2])
  })

  it('keeps back the batches of an open window until what was made of them is acknowledged', () => {
    const world = new World()
    const { add, released } = bound(world)
    const acks = [add(1), add(2), add(3)]
    for (const ack of acks) ack()
    expect(released).toEqual([])
    const made = world.order.flushed(2, 1)
    expect(released).toEqual([])
    made()
    expect(released).toEqual([])
    made()
    expect(released).toEqual([0, 1])
    world.order.flushed(0, 0)
    expect(released).toEqual([0, 1, 2])
  })

  it('a batch that closes a window speaks for those that went into it', () => {
    const { add, released } = bound(new World())
    const acks = [add(1), add(2)]
    const closing = add(1)
    for (const ack of acks) ack()
    expect(released).toEqual([])
    closing()
    expect(released).toEqual([0, 1])
  })

  it('hands on what steps remembered when a batch was no longer held back', () => {
    const order = new AckOrder()
    const released: unknown[] = []
    const add = (held: number, state: unknown): (() => void) => order.add((of) => released.push(of), held, state)
    add(0, 'before')()
    const acks = [add(1, 'open'), add(2, 'open')]
    for (const ack of acks) ack()
    add(1, 'closed the first two')()
    order.flushed(1, 0, 'closed the last')()
    expect(released).toEqual(['before', 'closed the first two', 'closed the first two', 'closed the last'])
  })

  it('releases in order, each once, and nothing that is held back (property)', () => {
    const move = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), held: fc.nat({ max: 4 }) }),
      fc.record({ kind: fc.constant('ack' as const) }),
      fc.record({ kind: fc.constant('flush' as const), made: fc.nat({ max: 2 }), held: fc.nat({ max: 4 }) }),
    )
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const world = new World()
        const acks: (() => void)[] = []
        let added = 0
        let held = 0
        for (const each of moves) {
          if (each.kind === 'ack') acks.shift()?.()
          else if (each.kind === 'add') {
            added += 1
            held = Math.min(each.held, added - world.released.length, held + 1)
            acks.push(world.add(held))
          } else {
            held = Math.min(each.held, held)
            const ack = world.order.flushed(each.made, held)
            for (let count = 0; count < each.made; count += 1) acks.push(ack)
          }
          expect(world.released).toEqual(Array.from({ length: world.released.length }, (_, index) => index))
          expect(world.released.length).toBeLessThanOrEqual(added - held)
        }
        for (const ack of acks) ack()
        world.order.flushed(0, 0)
        expect(world.released).toHaveLength(added)
      }),
      { numRuns: 500, seed: 20_261_121 },
    )
  })
})

function bound(world: World): { add: (held?: number) => () => void; released: readonly number[] } {
  return { add: (held) => world.add(held), released: world.released }
}
