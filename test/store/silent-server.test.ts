import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/store/open.ts'
import { parseAddress } from '../../src/store/postgres/connection.ts'
import { type FaultProxy, faultProxy } from '../connectors/fault-proxy.ts'
import { type Home, onPostgres } from './databases.ts'

async function behindProxy(home: Home): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
  const url = new URL(home.url)
  const proxy = await faultProxy(Number(url.port || 5_432))
  url.host = `127.0.0.1:${proxy.port}`
  url.searchParams.set('connect_timeout', '1')
  return { proxy, url: url.href }
}

onPostgres('a server that says nothing', ({ home: newHome }) => {
  test.each(['stall', 'half_open'] as const)('fails what waits for it: %s', async (fault) => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    await using database = await openDatabase(url)
    await database.query('SELECT 1')
    await proxy.become(fault)
    const began = performance.now()
    await expect(database.query('SELECT 2')).rejects.toMatchObject({ code: 'database_unavailable' })
    expect(performance.now() - began).toBeLessThan(6_000)
    await proxy.become('pass')
    expect(await database.query('SELECT 3 AS n')).toEqual([{ n: 3 }])
  })

  test('fails what waits on a connection that the server knows no more', async () => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    await using database = await openDatabase(url)
    await database.query('SELECT 1')
    await proxy.become('half_open')
    const waiting = expect(database.query('SELECT 2')).rejects.toMatchObject({ code: 'database_unavailable' })
    await proxy.become('pass')
    await waiting
  })

  test('lets a statement take as long as it needs while the server answers', async () => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    await using database = await openDatabase(url)
    expect(await database.query("SELECT 'done' AS state FROM pg_sleep(3.5)")).toEqual([{ state: 'done' }])
  })

  test('keeps neither an abort nor the end waiting', async () => {
    await using home = await newHome()
    const { proxy, url } = await behindProxy(home)
    await using _ = proxy
    const database = await openDatabase(url.replace('connect_timeout=1', 'connect_timeout=60'))
    await database.query('SELECT 1')
    await proxy.become('stall')
    const stop = new AbortController()
    const waiting = [2, 3].map((n) => expect(database.query(`SELECT ${n}`, [], stop.signal)).rejects.toThrow('enough'))
    const stuck = database.query('SELECT 4').catch((error: unknown) => error)
    await delay(50)
    const began = performance.now()
    stop.abort(new Error('enough'))
    await Promise.all(waiting)
    await database[Symbol.asyncDispose]()
    expect(await stuck).toMatchObject({ code: 'database_unavailable' })
    expect(performance.now() - began).toBeLessThan(8_000)
  })

  test('connect_timeout is a number of seconds', () => {
    const { connectMs, connectionString } = parseAddress('postgres://a@b/c?connect_timeout=7&sslmode=disable')
    expect([connectMs, connectionString.includes('connect_timeout')]).toEqual([7_000, false])
    for (const wrong of ['0', '-1', '1.5', 'x', ''])
      expect(() => parseAddress(`postgres://a@b/c?connect_timeout=${wrong}`)).toThrow('connect_timeout')
  })
})
