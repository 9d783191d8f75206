import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'

const bin = resolve(import.meta.dirname, '../../bin/hermes.js')

/** A kilobyte a message: what a pipe holds is soon full. */
const workflow = `
apiVersion: hermes/v1
kind: Workflow
metadata: { name: w }
spec:
  source: { generate: { expression: '{"id": index, "pad": "${'x'.repeat(1_000)}"}', rate: { perSecond: 400 }, batch: 20 } }
  buffer: { file: {} }
  delivery: { drain: 1s }
  sinks:
    - { stdout: {} }
    - { name: healthy, file: { path: ../healthy.csv, csv: { columns: [id], header: false } } }
`

it('a reader of the standard output that reads nothing leaves the other sink running, and gets everything afterwards', {
  timeout: 90_000,
}, async () => {
  const home = await mkdtemp(join(tmpdir(), 'hermes-stdout-'))
  await mkdir(join(home, 'manifests'))
  await writeFile(join(home, 'manifests', 'w.yaml'), workflow)
  const serve = () => {
    const flags = ['--manifests', join(home, 'manifests'), '--data-dir', join(home, 'data'), '--log-level', 'warn']
    const child = spawn(process.execPath, [bin, 'serve', ...flags], { stdio: ['ignore', 'pipe', 'ignore'] })
    return { child, exited: once(child, 'exit') }
  }
  const healthy = async (): Promise<readonly number[]> => {
    const lines = await readFile(join(home, 'healthy.csv'), 'utf8').catch(() => '')
    return lines.split('\n').slice(0, -1).map(Number)
  }
  const until = async (count: number): Promise<void> => {
    for (const end = Date.now() + 30_000; (await healthy()).length < count; await delay(50))
      if (Date.now() > end) throw new Error(`${(await healthy()).length} of ${count} lines after 30 s`)
  }
  try {
    const unread = serve()
    // Has it kept beyond the end of the process, and takes in no more than a buffer of it.
    unread.child.stdout.on('readable', () => undefined)
    // More than twice what that and the pipe hold.
    await until(300)
    unread.child.kill('SIGTERM')
    const began = performance.now()
    expect((await unread.exited)[0]).toBe(0)
    expect(performance.now() - began).toBeLessThan(8_000)
    const first = await text(unread.child.stdout)
    const soFar = (await healthy()).length
    const read = serve()
    const rest = text(read.child.stdout)
    await until(soFar + 200)
    read.child.kill('SIGTERM')
    expect((await read.exited)[0]).toBe(0)
    const printed = `${first.slice(0, first.lastIndexOf('\n') + 1)}${await rest}`
    const ids = printed.split('\n').flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { id: number }).id]))
    const all = (await healthy()).map((_, index) => index)
    expect(await healthy()).toEqual(all)
    expect([...new Set(ids)]).toEqual(all)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})
