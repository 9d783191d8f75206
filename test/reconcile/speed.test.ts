import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { Bench } from './bench.ts'
import { connection, source } from './manifests.ts'

const count = 10_000

/** Twice what is promised: other tests run beside this one. */
const mostCpuMs = 300
const mostDelayMs = 100

it('looks at ten thousand unchanged resources for little CPU, and lets others run meanwhile', async () => {
  await using bench = new Bench()
  const sources = Array.from({ length: count }, (_, index) =>
    source(`s${index}`, { table: `t${index % 500}`, connection: 'c' }),
  )
  const manifests = [connection('c'), ...sources]
  await bench.apply(manifests)
  expect(bench.world.rows.size).toBe(count)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const rounds: { cpu: number; delay: number }[] = []
  for (let round = 0; round < 5; round += 1) {
    delay.reset()
    delay.enable()
    const before = process.cpuUsage()
    await bench.resync()
    const { user, system } = process.cpuUsage(before)
    delay.disable()
    rounds.push({ cpu: (user + system) / 1_000, delay: delay.max / 1e6 })
  }
  const best = (of: 'cpu' | 'delay'): number => Math.min(...rounds.map((round) => round[of]))
  expect(best('cpu')).toBeLessThan(mostCpuMs)
  expect(best('delay')).toBeLessThan(mostDelayMs)
  bench.world.done.length = 0
  await bench.apply(manifests.with(5, source('s4', { table: 't4', columns: ['id', 'x'], connection: 'c' })))
  expect(bench.world.done).toEqual(['Table/t4: add column x'])
})
