import { expect, test } from 'vitest'
import { gitRounds } from './soak/git-rounds.ts'
import { sqliteHome } from './store/homes.ts'

// Invariants 1, 3, 5 and 10, a sample of `npm run soak -- --phase git`: commits, forced pushes, a Git server that fails,
// and a service that is killed meanwhile and goes on at the newest commit.
test('whatever becomes of the repository and its server, the tables follow the newest commit', {
  timeout: 90_000,
}, async () => {
  await using home = await sqliteHome()
  await using fresh = await sqliteHome()
  const figures = await gitRounds({ home, fresh, rounds: 2, seed: 5 })
  expect(figures.rounds).toBe(2)
  expect(figures.acts).toBeGreaterThan(2)
  expect(figures.rows).toBeGreaterThan(0)
})
