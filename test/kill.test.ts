import { expect, test } from 'vitest'
import { killRounds } from './soak/kill-rounds.ts'
import { eachDatabase } from './store/databases.ts'

// Invariants 1, 4, 5 and 10, a sample of `npm run soak`: the service is killed at random moments, while it starts too,
// and after a restart the tables are what an undisturbed run gives.
eachDatabase('killed', ({ home }) => {
  const rounds = 2

  test.concurrent.each([
    ['fetch', 7],
    ['reconcile', 8],
    ['removal', 9],
  ] as const)('during %s, it goes on where it was', { timeout: 90_000 }, async (phase, seed) => {
    await using database = await home()
    const figures = await killRounds({ home: database, phase, rounds, seed })
    expect(figures.rounds).toBe(rounds)
    expect(figures.rows).toBeGreaterThan(0)
  })
})
