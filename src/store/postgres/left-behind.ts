import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import { withClient } from './connection.ts'

/** A statement that waits for a lock gives up after so long: nothing that was left behind takes longer. */
const LONGEST_MS = 30_000
/** What was sent, and not looked at by a busy server, has begun after so long. */
const BEGUN_MS = 100
const BETWEEN_MS = 50

interface Backend {
  readonly pid: number
  /** When it began, and its transaction, if it is in one. */
  readonly since: string
  readonly transaction: string | null
}

const others = `
  SELECT pid, backend_start::text AS since, xact_start::text AS transaction
  FROM pg_catalog.pg_stat_activity
  WHERE datname = pg_catalog.current_database() AND application_name = 'hermes' AND pid <> pg_catalog.pg_backend_pid()`

/**
 * Resolves when everything has ended that other processes had under way on the server when it was called, after half a
 * minute at the latest: what a process sent before it was killed is carried out all the same, and a table that comes
 * into being behind the back of the next one would be known to nobody (invariant 1).
 */
export async function leftBehindEnded(pool: Pool, signal: AbortSignal): Promise<void> {
  const look = async (): Promise<readonly Backend[]> =>
    await withClient(pool, async (client) => (await client.query<Backend>(others)).rows, signal)
  const before = await look()
  if (before.length === 0) return
  await delay(BEGUN_MS, undefined, { signal })
  const known = new Set(before.map(({ pid, since }) => `${pid} ${since}`))
  const busy = (await look()).filter(
    ({ pid, since, transaction }) => transaction !== null && known.has(`${pid} ${since}`),
  )
  let left = new Set(busy.map(keyOf))
  for (let waited = 0; left.size > 0 && waited < LONGEST_MS; waited += BETWEEN_MS) {
    await delay(BETWEEN_MS, undefined, { signal })
    const now = new Set((await look()).map(keyOf))
    left = left.intersection(now)
  }
}

function keyOf({ pid, since, transaction }: Backend): string {
  return `${pid} ${since} ${transaction ?? ''}`
}
