import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { eachDatabase } from './databases.ts'
import { catalogueColumns, catalogueIndexes, converge, shapeOf } from './table-shapes.ts'

const child = fileURLToPath(new URL('./rebuild-child.ts', import.meta.url))
const rows = 60_000

/** Runs the child until it begins, kills it `afterMs` later; whether it was still at work then. */
async function killed(url: string, afterMs: number): Promise<boolean> {
  const process = spawn(globalThis.process.execPath, [child, url], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  process.stdout.on('data', (chunk) => {
    output += String(chunk)
  })
  const ended = once(process, 'close')
  while (!output.includes('begin') && process.exitCode === null) await delay(2)
  await delay(afterMs)
  process.kill('SIGKILL')
  await ended
  return !output.includes('done')
}

eachDatabase('a change that is killed', ({ home: newHome, dialect }) => {
  test('leaves the old table or the new one, whole', async () => {
    await using home = await newHome()
    const before = shapeOf('t', { n: 'integer', v: 'bigint' }, { key: ['n'], indexes: [['v']] })
    {
      await using store = await openStore(home.url)
      await converge(store, before)
      const series =
        dialect === 'sqlite'
          ? `(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${rows}) SELECT n FROM s)`
          : `generate_series(1, ${rows}) AS s (n)`
      await home.witness(`INSERT INTO t SELECT 's', '2024-01-01T00:00:00.000000Z', n, n FROM ${series}`)
    }
    let interrupted = 0
    for (const afterMs of [3, 30, 70]) {
      if (await killed(home.url, afterMs)) interrupted += 1
      const [count] = await home.witness('SELECT count(*) AS n, max(n) AS last FROM t')
      expect({ n: Number(count?.['n']), last: Number(count?.['last']) }).toEqual({ n: rows, last: rows })
      expect(await catalogueIndexes(home, 't')).toHaveLength(3)
      const [tables, column] = dialect === 'sqlite' ? ['sqlite_schema', 'name'] : ['pg_class', 'relname']
      expect(await home.witness(`SELECT 1 FROM ${tables} WHERE ${column} LIKE '%rebuild%'`)).toEqual([])
      const types = (await catalogueColumns(home, 't')).slice(2).join(', ').toLowerCase()
      expect(['n integer not null, v bigint', 'n bigint not null, v bigint', 'n bigint not null, v text']).toContain(
        types,
      )
    }
    expect(interrupted).toBeGreaterThan(0)
    await using store = await openStore(home.url)
    await converge(store, shapeOf('t', { n: 'bigint', v: 'text' }, { key: ['n'], indexes: [['v']] }))
    const [last] = await home.witness(`SELECT v FROM t WHERE n = ${rows}`)
    expect(last).toEqual({ v: String(rows) })
  })
})
