import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { Random } from '../random.ts'
import { eachDatabase, type Home } from './databases.ts'
import { factsOf, fetchPages, targetOf } from './fetches.ts'
import { type ChildTask, pageOf } from './run-child.ts'

const pages = 8
const script = fileURLToPath(new URL('./run-child.ts', import.meta.url))

/** Runs the child and kills it some time after so many pages, unless it was quicker. */
async function fetchKilled(task: ChildTask, afterPages: number, thenMs: number): Promise<void> {
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let seen = 0
  for await (const chunk of child.stdout) {
    seen += String(chunk).length
    if (seen < afterPages) continue
    await delay(thenMs)
    child.kill('SIGKILL')
    break
  }
  await exited
}

async function isUnfinished(home: Home): Promise<boolean> {
  return (await home.witness('SELECT 1 AS one FROM hermes_retries WHERE started_at IS NOT NULL')).length > 0
}

eachDatabase('killed runs', ({ home: newHome, dialect }) => {
  test.each(['append', 'merge', 'replace'] as const)('%s: kill -9 loses nothing and doubles nothing', async (write) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = new Random(seed)
    await using home = await newHome()
    const key = write === 'append' ? [] : ['id']
    const target = targetOf({ write, key })
    const undisturbed = targetOf({ write, key, table: 'undisturbed' })
    const task = { url: home.url, target, pages }
    let kills = 0
    do await fetchKilled(task, random.between(1, 3), random.between(0, 8))
    while (++kills < 2 && (await isUnfinished(home)))
    await using store = await openStore(home.url)
    const all = Array.from({ length: pages }, (_, number) => pageOf(number))
    if (await isUnfinished(home)) await fetchPages(store, target, all, Date.now())
    await fetchPages(store, undisturbed, all, Date.now())
    const columns = `"id", "page", "when", "from_0", "from_1", "from_2", "from_3"`
    const rows = (table: string) => home.witness(`SELECT ${columns} FROM ${table} ORDER BY 1, 2`)
    expect(await rows('quotes'), `seed ${seed}`).toStrictEqual(await rows('undisturbed'))
    const moments = await home.witness('SELECT DISTINCT created_at FROM quotes')
    expect(moments, `seed ${seed}`).toHaveLength(1)
    expect((await factsOf(store, target))?.attempt).toBe(0)
    if (dialect === 'sqlite') {
      expect(await home.witness('PRAGMA integrity_check')).toStrictEqual([{ integrity_check: 'ok' }])
    }
  })
})
