import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openClient } from '../../src/service/client.ts'
import { startService } from '../../src/service/start-service.ts'
import { openWorld, partsFor } from './open-world.ts'
import { PaperApi } from './paper-api.ts'

let directory: string
let socketPath: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-socket-'))
  socketPath = join(directory, 'hermes.sock')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const start = (path = socketPath) => startService({ socketPath: path }, partsFor(new PaperApi()))

it('is for its user alone, and goes with the service', async () => {
  const service = await start()
  expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  expect(await readdir(directory)).toEqual(['hermes.sock'])
  await service.close()
  await service.close()
  expect(await readdir(directory)).toEqual([])
})

it('is never open to others on its way, whatever the umask', async () => {
  const script = `
    process.umask(0)
    const { watch, statSync, readdirSync } = await import('node:fs')
    const { claimSocket } = await import(${JSON.stringify(new URL('../../src/service/unix-socket.ts', import.meta.url).href)})
    const { createServer } = await import('node:net')
    await claimSocket(${JSON.stringify(socketPath)}, (path) => new Promise((resolve) => {
      createServer().listen(path, () => {
        const parent = statSync(path.slice(0, -2)).mode & 0o777
        console.log(parent.toString(8))
        resolve()
      })
    }))
    console.log((statSync(${JSON.stringify(socketPath)}).mode & 0o777).toString(8))
    process.exit()`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['700\n600\n', ''])
})

it('a second service is refused, and the first goes on', async () => {
  await using services = new AsyncDisposableStack()
  services.use(await start())
  await expect(start()).rejects.toMatchObject({ code: 'service_running', message: expect.stringContaining(socketPath) })
  expect(await openClient({ socketPath }).alive()).toBe(true)
})

it('of two that start at once on a dead socket exactly one wins', async () => {
  for (let round = 0; round < 10; round += 1) {
    leaveDeadSocket(socketPath)
    const started = await Promise.allSettled([start(), start(), start()])
    const running = started.filter((each) => each.status === 'fulfilled')
    expect(running).toHaveLength(1)
    expect(await openClient({ socketPath }).alive()).toBe(true)
    for (const each of running) await each.value.close()
    expect(await readdir(directory)).toEqual([])
  }
})

it('the socket of a killed service is taken over', async () => {
  leaveDeadSocket(socketPath)
  expect(existsSync(socketPath)).toBe(true)
  await using services = new AsyncDisposableStack()
  services.use(await start())
  expect(await openClient({ socketPath }).alive()).toBe(true)
})

it('a file in its place is left alone', async () => {
  await writeFile(socketPath, 'precious')
  await expect(start()).rejects.toMatchObject({ code: 'setting_invalid' })
  expect(statSync(socketPath).size).toBe(8)
})

it('directories on the way are made', async () => {
  await using services = new AsyncDisposableStack()
  services.use(await start(join(directory, 'a', 'b', 's')))
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700)
})

it('a service that lost its path to another does not take it away', async () => {
  const first = await start()
  await rm(socketPath)
  await using services = new AsyncDisposableStack()
  services.use(await start())
  await first.close()
  expect(await openClient({ socketPath }).alive()).toBe(true)
})

it('closing ends a run that streams, within its bound', async () => {
  const world = await openWorld()
  await world.api.add('SourceDefinition/prices')
  world.api.pages = 10_000
  const streaming = Promise.withResolvers<void>()
  const run = openClient({ socketPath: world.socketPath }).run('prices', new AbortController().signal, () =>
    streaming.resolve(),
  )
  const ended = expect(run).rejects.toMatchObject({ code: 'service_stopping' })
  await streaming.promise
  const started = performance.now()
  await world.service.close(2000)
  expect(performance.now() - started).toBeLessThan(1_900)
  await ended
  await world[Symbol.asyncDispose]()
})

it('closing does not wait for a client that never ends its request', async () => {
  const world = await openWorld()
  const client = spawn(process.execPath, [
    '-e',
    `const s = require('net').connect(${JSON.stringify(world.socketPath)}, () => { s.write('POST /api/v1/approve HTTP/1.1\\r\\nhost: x\\r\\ncontent-length: 9\\r\\n\\r\\n{'); console.log('sent') })`,
  ])
  await once(client.stdout, 'data')
  const started = performance.now()
  await world.service.close(300)
  expect(performance.now() - started).toBeLessThan(5_000)
  client.kill('SIGKILL')
  await world[Symbol.asyncDispose]()
})

it('a directory that somebody else made in a shared place is refused', async () => {
  if (process.getuid?.() !== 0) return expect(process.getuid?.()).not.toBe(0)
  const { chown, chmod } = await import('node:fs/promises')
  await chmod(directory, 0o1777)
  await mkdir(join(directory, 'mine'))
  await chown(join(directory, 'mine'), 12_345, 12_345)
  await expect(start(join(directory, 'mine', 's'))).rejects.toMatchObject({
    code: 'setting_invalid',
    message: expect.stringContaining('another user'),
  })
})

/** What a service that was killed leaves. */
function leaveDeadSocket(path: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
}
