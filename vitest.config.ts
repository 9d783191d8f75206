import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests often wait, for other processes, for the disk and for time to pass: another one uses that time.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    // Against what hangs, not against what is slow: the machine may be busy with other things.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
