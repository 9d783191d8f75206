import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HermesError } from '../../src/errors.ts'
import { isRawNumber } from '../../src/lossless-json.ts'
import { openClient } from '../../src/service/client.ts'
import { serve } from '../connectors/local-server.ts'
import { openWorld } from './open-world.ts'

let world: Awaited<ReturnType<typeof openWorld>>
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const client = () => openClient({ socketPath: world.socketPath })
const never = new AbortController().signal

describe('a client', () => {
  it('gives what the API gives, over the socket', async () => {
    expect(await client().alive()).toBe(true)
    const added = await client().add('SourceDefinition/prices\nConnection/fmp')
    expect(added).toEqual([
      { file: 'prices.yaml', key: 'SourceDefinition/prices', action: 'added' },
      { file: 'fmp.yaml', key: 'Connection/fmp', action: 'added' },
    ])
    expect(await client().status()).toEqual(await world.api.status())
    expect(await client().plan()).toEqual(await world.api.plan())
    const files = Array.from({ length: 5 }, (_, index) => ({ file: `${index}.yaml`, text: 'x'.repeat(1_200_000) }))
    const tree = { files, lists: [{ file: 'a.csv', text: 'x' }], unread: ['bad.yaml'], complete: false }
    expect(await client().plan(tree)).toEqual(await world.api.plan(tree))
    expect(await client().state()).toEqual(await world.api.state())
    expect(await client().manifests()).toEqual(await world.api.manifests())
    expect((await client().update('Connection/fmp'))[0]?.action).toBe('updated')
    expect((await client().suspend('Connection/fmp', true)).action).toBe('updated')
    expect([...world.api.suspended]).toEqual(['Connection/fmp'])
    await client().suspend('Connection/fmp', false)
    expect([...world.api.suspended]).toEqual([])
    expect((await client().delete('Connection/fmp')).action).toBe('deleted')
    expect([...world.api.files.keys()]).toEqual(['SourceDefinition/prices'])
    expect(await client().approve('good')).toEqual(['SourceDefinition/prices'])
    await client().reconcile()
    await client().reconcile(['SourceDefinition/prices'])
    expect(world.api.reconciled).toEqual([undefined, ['SourceDefinition/prices']])
  })

  it('does not send more than a service takes', async () => {
    const file = { file: 'a.yaml', text: 'x'.repeat(900_000) }
    const tree = { files: Array.from({ length: 40 }, () => file), lists: [], unread: [], complete: true }
    await expect(client().plan(tree)).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining('at most 32 MiB'),
      fix: expect.stringContaining('--state FILE'),
    })
  })

  it('loses no digit of a row', async () => {
    const [first] = await client().rows('prices', 1)
    expect(isRawNumber(first?.id) ? first.id.rawJSON : first?.id).toBe('9007199254740993')
    expect(first).toMatchObject({ bytes: 'AQI=', price: '0.10' })
  })

  it('throws the error that the API threw, with its place and fix', async () => {
    const error = await client().add('Connection/a\nnonsense').catch(String)
    expect(error).toBe('HermesError: nonsense is none')
    await expect(client().add('nonsense')).rejects.toMatchObject({
      code: 'not_a_manifest',
      fix: 'Write Kind/name.',
      at: { file: 'new.yaml', line: 1, column: 1 },
    })
    await expect(client().delete('Connection/../../livez')).rejects.toMatchObject({ code: 'not_found' })
    await expect(client().run('nobody', never)).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('a run', () => {
  it('tells its progress and ends with its result', async () => {
    const seen: number[] = []
    const result = await client().run('prices', never, ({ pages }) => seen.push(pages))
    expect(result).toEqual({ name: 'prices', table: 'prices', rows: 30, pages: 3, seconds: 0.1 })
    expect(seen[0]).toBe(1)
  })

  it('ends with the error that came in its middle', async () => {
    await world.api.add('SourceDefinition/breaks')
    await expect(client().run('breaks', never)).rejects.toMatchObject({
      code: 'http_timeout',
      message: 'page 2 did not come',
    })
  })

  it('is given up when its caller goes away', async () => {
    world.api.pages = 1_000
    const leaving = new AbortController()
    const ended = Promise.withResolvers<unknown>()
    const run = world.api.run.bind(world.api)
    world.api.run = (source, signal, onProgress) => {
      const result = run(source, signal, onProgress)
      result.catch(ended.resolve)
      return result
    }
    await expect(client().run('prices', leaving.signal, () => leaving.abort())).rejects.toThrow('aborted')
    expect(await ended.promise).toBeInstanceOf(HermesError)
  })
})

describe('without a service', () => {
  it.each(['absent', 'left behind'])('a socket that is %s says how to start one', async (what) => {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-client-'))
    const socketPath = join(directory, 's')
    if (what === 'left behind') {
      const { spawnSync } = await import('node:child_process')
      const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
      spawnSync(process.execPath, ['-e', script])
    }
    const alone = openClient({ socketPath })
    expect(await alone.alive()).toBe(false)
    await expect(alone.status()).rejects.toMatchObject({ code: 'service_absent' })
    await rm(directory, { recursive: true })
  })

  it.each([
    [200, 'text/html', '<html></html>'],
    [200, 'text/plain', ''],
    [401, 'text/plain', 'no'],
    [404, 'application/json', '{"message":"no route"}'],
    [502, 'text/html', '<html></html>'],
  ])('an answer of somebody else, %i %s, is told as such', async (status, type, body) => {
    await using other = await serve((_request, response) => {
      response.writeHead(status, { 'content-type': type }).end(body)
    })
    await expect(openClient({ url: other.url, token: undefined }).status()).rejects.toMatchObject({
      code: 'service_absent',
      message: `what answers there, with status ${status}, is not Hermes`,
    })
  })

  it('what hangs is not taken for absent', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-client-'))
    const socketPath = join(directory, 's')
    const hanging = createServer(() => undefined).listen(socketPath)
    await new Promise((resolve) => hanging.once('listening', resolve))
    await expect(openClient({ socketPath }).alive()).rejects.toMatchObject({
      code: 'service_absent',
      message: expect.stringContaining('did not answer within 2 s'),
    })
    hanging.close()
    await rm(directory, { recursive: true, force: true })
  })
})
