import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { Random } from '../random.ts'
import { eachDatabase } from './databases.ts'
import type { MessagesTask } from './messages-child.ts'

const script = fileURLToPath(new URL('./messages-child.ts', import.meta.url))

/** Runs the child and kills it some time after so many batches. */
async function writeKilled(task: MessagesTask, afterBatches: number, thenMs: number): Promise<void> {
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let seen = 0
  for await (const chunk of child.stdout) {
    seen += String(chunk).length
    if (seen < afterBatches) continue
    await delay(thenMs)
    child.kill('SIGKILL')
    break
  }
  await exited
}

eachDatabase('killed writers of messages', ({ home: newHome, dialect }) => {
  test('rows and checkpoint say the same after every kill -9', { timeout: 60_000 }, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = new Random(seed)
    await using home = await newHome()
    let before = 0
    for (let round = 0; round < 4; round++) {
      await writeKilled({ url: home.url, batch: random.between(1, 400) }, random.between(1, 4), random.between(0, 12))
      await using store = await openStore(home.url)
      const position = Number((await store.checkpoints.read()).get('ticks'))
      const [row] = await home.witness('SELECT count(*) AS "rows", min(n) AS least, max(n) AS most FROM ticks_raw')
      const { rows, least, most } = row ?? {}
      expect([rows, least, most].map(Number), `seed ${seed}`).toStrictEqual([position, 0, position - 1])
      expect(position, `seed ${seed}`).toBeGreaterThan(before)
      before = position
    }
    if (dialect === 'sqlite') {
      expect(await home.witness('PRAGMA integrity_check')).toStrictEqual([{ integrity_check: 'ok' }])
    }
  })
})
