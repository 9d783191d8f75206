import { expect, test } from 'vitest'
import { type BufferType, workflowRounds } from './soak/workflow-rounds.ts'
import { eachDatabase } from './store/databases.ts'

// Invariants 5 and 7, a sample of `npm run soak`: the service is killed at random moments under a running workflow, which
// is changed meanwhile; nothing is lost, the table has everything once, and keys keep their order.
eachDatabase('killed', ({ home }) => {
  test.concurrent.each<[BufferType, number]>([
    ['memory', 11],
    ['file', 12],
  ])('with a %s buffer, a workflow goes on where it was', { timeout: 120_000 }, async (buffer, seed) => {
    await using database = await home()
    const figures = await workflowRounds({ home: database, rounds: 2, seed, buffer })
    expect(figures.rounds).toBe(2)
    expect(figures.rows).toBeGreaterThan(0)
  })
})
