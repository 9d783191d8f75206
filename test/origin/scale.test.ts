import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sourceText } from '../manifest/texts.ts'
import { memoryInUse } from '../memory.ts'
import { WatchedDirectory } from './watched-directory.ts'

const count = 10_000

/** Bounds are several times what a small machine needs: they catch another order of growth, not a slow day. */
test('ten thousand files: read in seconds, one change in moments, nothing twice', async () => {
  await using directory = await WatchedDirectory.create()
  for (let i = 0; i < count; i++) await directory.write(`d${i % 20}/f${i}.yaml`, sourceText(`n${i}`))
  const { heapUsed: heapBefore } = await memoryInUse()
  const startedAt = performance.now()
  const first = await directory.watch(30_000)
  expect(performance.now() - startedAt).toBeLessThan(20_000)
  expect(first.manifests).toHaveLength(count)
  expect(directory.reads).toBe(count)
  await sleep(1_500)
  expect((await memoryInUse()).heapUsed - heapBefore).toBeLessThan(200_000_000)

  const cpuBefore = process.cpuUsage()
  const changedAt = performance.now()
  await directory.write('d3/f3.yaml', sourceText('n3', '  suspend: true\n'))
  const second = await directory.until(({ revision }) => revision !== first.revision)
  const { user, system } = process.cpuUsage(cpuBefore)
  expect(performance.now() - changedAt).toBeLessThan(5_000)
  expect((user + system) / 1_000).toBeLessThan(600)
  expect(directory.reads).toBe(count + 1)
  expect(second.manifests.filter((each, i) => each !== first.manifests[i])).toHaveLength(1)
}, 60_000)
