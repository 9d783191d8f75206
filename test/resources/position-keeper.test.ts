import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { PositionKeeper } from '../../src/resources/position-keeper.ts'
import { quiet } from '../quiet-log.ts'

it('a position is saved one after the other, the newest last', async () => {
  const saved: unknown[] = []
  let writing = 0
  let most = 0
  const positions = {
    read: async () => new Map<string, unknown>(),
    save: async (all: ReadonlyMap<string, unknown>) => {
      writing += 1
      most = Math.max(most, writing)
      // The first write takes longest: what overtakes it would be overwritten by it.
      await delay(saved.length === 0 ? 30 : 1)
      saved.push(all.get('trades'))
      writing -= 1
    },
  }
  const keeper = new PositionKeeper({ workflow: 'trades', positions, clock: systemClock, log: quiet })
  keeper.moved(1)
  await delay(1)
  keeper.moved(2)
  await Promise.all([keeper.flush(), keeper.end()])
  expect(saved).toEqual([1, 2])
  expect(most).toBe(1)
})
