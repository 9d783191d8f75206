import * as fc from 'fast-check'
import { test } from 'vitest'
import { histories } from './convergence/edits.ts'
import { walk } from './convergence/walk.ts'
import { eachDatabase } from './store/databases.ts'

// Invariants 2 and 10: after every settled apply nothing is left to do, and tables, columns, keys, indexes and rows
// are those of a fresh database that saw only the last manifests, whatever edits, restarts and accidents came between.
eachDatabase('convergence', ({ home }) => {
  test('tables do not depend on the path taken', { timeout: 120_000 }, async () => {
    const property = fc.asyncProperty(histories(5), async (rounds) => {
      await using database = await home()
      await using fresh = await home()
      await walk(rounds, database, fresh)
    })
    await fc.assert(property, { seed: 1, numRuns: 5, endOnFailure: true })
  })
})
