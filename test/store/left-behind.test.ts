import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { type Home, onPostgres } from './databases.ts'

const never = new AbortController().signal

/** A process of Hermes as the server knows it. */
async function process(home: Home): Promise<Client> {
  const client = new Client({ connectionString: home.url.split('?')[0], application_name: 'hermes' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function isOver(waiting: Promise<void>, ms: number): Promise<boolean> {
  return await Promise.race([waiting.then(() => true), delay(ms).then(() => false)])
}

onPostgres('what a process left behind', ({ home: newHome }) => {
  test('is waited for: a killed one may have sent what the server is still at', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const killed = await process(home)
    killed.query('BEGIN; SELECT pg_sleep(1); CREATE TABLE left_behind (a int); COMMIT').catch(() => undefined)
    await delay(100)
    killed.connection.stream.destroy()
    await store.leftBehindEnded(never)
    const found = await home.witness(`SELECT 1 FROM pg_tables WHERE tablename = 'left_behind'`)
    expect(found).toHaveLength(1)
    await home.witness('DROP TABLE public.left_behind')
  })

  test('what begins later, rests, or is none of ours is not waited for', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const [resting, busy] = [await process(home), await process(home)]
    await busy.query('BEGIN')
    const waiting = store.leftBehindEnded(never)
    expect(await isOver(waiting, 400)).toBe(false)
    await resting.query('BEGIN')
    await busy.query('COMMIT')
    await busy.query('BEGIN')
    expect(await isOver(waiting, 2_000)).toBe(true)
    await Promise.all([resting.end(), busy.end()])
    await home.witness('BEGIN')
    expect(await isOver(store.leftBehindEnded(never), 2_000)).toBe(true)
    await home.witness('ROLLBACK')
  })

  test('an abort ends the wait', async () => {
    await using home = await newHome()
    await using store = await openStore(home.url)
    const busy = await process(home)
    await busy.query('BEGIN')
    const abort = new AbortController()
    const waiting = store.leftBehindEnded(abort.signal)
    setTimeout(() => abort.abort(new Error('enough')), 200)
    await expect(waiting).rejects.toThrow()
    await busy.end()
  })
})
