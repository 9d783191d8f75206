import { expect, test } from 'vitest'
import { onRedis } from './connectors/brokers.ts'
import { onOwnPostgres } from './connectors/own-postgres.ts'
import type { FeedType } from './soak/message-feeds.ts'
import { type BufferType, workflowRounds } from './soak/workflow-rounds.ts'
import { eachDatabase, type Homes } from './store/databases.ts'

type Case = readonly [feed: FeedType, buffer: BufferType, seed: number]

// Invariants 5 and 7, a sample of `npm run soak`: the service is killed at random moments under a running workflow, which
// is changed meanwhile; nothing is lost, the table has everything once, and keys keep their order.
function killed({ home }: Homes, cases: readonly Case[]): void {
  test.concurrent.each(cases)(
    'from %s with a buffer of %s, a workflow goes on where it was',
    { timeout: 120_000 },
    async (feed, buffer, seed) => {
      await using database = await home()
      const figures = await workflowRounds({ home: database, rounds: 2, seed, buffer, feed })
      expect(figures.rounds).toBe(2)
      expect(figures.rows).toBeGreaterThan(0)
    },
  )
}

eachDatabase('killed', (homes) => {
  killed(homes, [
    ['file', 'memory', 11],
    ['file', 'file', 12],
  ])
  onRedis('with Redis', () => killed(homes, [['redis', 'memory', 13]]))
  onOwnPostgres('with PostgreSQL', () => killed(homes, [['changes', 'memory', 14]]))
})
