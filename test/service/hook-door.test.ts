import { beforeEach, describe, expect, it } from 'vitest'
import { senders } from './hook-senders.ts'
import { clock, main, post, SECRET, send, TOKEN, useHookWorld, watched, world } from './hook-world.ts'
import { ask, openWorld } from './open-world.ts'

useHookWorld()

describe('the door for webhooks', () => {
  const sender = senders.GitHub
  const { headers, body } = sender.push(main)
  const content = JSON.stringify(body)
  const signed = { ...headers, ...sender.sign(content, SECRET) }
  beforeEach(() => {
    watched.repository = sender.address('acme', 'data')
  })

  it('is open under whatever name the sender knows it, and on the socket', async () => {
    expect((await post({ ...signed, host: 'hermes.example.com' }, content)).status).toBe(202)
    const { socketPath } = world
    expect((await ask({ socketPath, method: 'POST', path: '/hooks/git?x=1', headers: signed }, content)).status).toBe(
      202,
    )
    await clock.advance(2_000)
    expect(watched.woken).toBe(2)
  })

  it.each([
    ['GET', '/api/v1/status'],
    ['POST', '/api/v1/reconcile'],
    ['POST', '/hooks/git/../../api/v1/reconcile'],
    ['POST', '/hooks/git/'],
    ['POST', '//hooks/git'],
    ['POST', '/hooks/git%2f..%2fapi'],
    ['POST', '/hooks/git;/api/v1/reconcile'],
    ['POST', '/api/v1/reconcile?/hooks/git'],
    ['GET', '/hooks/git'],
  ])('lets nobody in elsewhere: %s %s', async (method, path) => {
    const answer = await ask(
      { ...world.service.http, method, path, headers: signed },
      method === 'GET' ? undefined : content,
    )
    expect(answer.status).toBe(401)
    expect(world.api.reconciled).toEqual([])
  })

  it.each([
    ['no secret', undefined],
    ['an empty one', ''],
  ])('is shut while there is %s, and says so', async (_what, secret) => {
    watched.secret = () => secret
    for (const key of [SECRET, '']) {
      const answer = await post({ ...headers, ...sender.sign(content, key) }, content)
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([404, { error: { code: 'webhook_off' } }])
    }
    expect(watched.woken).toBe(0)
  })

  it('takes a new secret at once', async () => {
    watched.secret = () => 'another'
    expect((await post(signed, content)).status).toBe(401)
    expect(await send(sender, main, { secret: 'another' })).toMatchObject({ status: 202, woken: 1 })
  })

  it('is not there where no repository is watched', async () => {
    await using other = await openWorld({ http: { host: '127.0.0.1', port: 0 }, token: TOKEN })
    const options = { method: 'POST', path: '/hooks/git', headers: signed }
    expect((await ask({ ...other.service.http, ...options }, content)).status).toBe(401)
    expect((await ask({ socketPath: other.socketPath, ...options }, content)).status).toBe(404)
  })

  it('needs no token where the service has none', async () => {
    await using other = await openWorld({ http: { host: '127.0.0.1', port: 0 }, hooks: watched })
    const options = { ...other.service.http, method: 'POST', path: '/hooks/git' }
    expect((await ask({ ...options, headers: signed }, content)).status).toBe(202)
    expect((await ask({ ...options, headers }, content)).status).toBe(401)
    expect(watched.woken).toBe(1)
  })

  it('wakes nothing any more once the service stops', async () => {
    const other = await openWorld({ hooks: watched, clock })
    const options = { socketPath: other.socketPath, method: 'POST', path: '/hooks/git', headers: signed }
    await ask(options, content)
    await ask(options, content)
    expect([watched.woken, clock.sleeping]).toEqual([1, 1])
    await other[Symbol.asyncDispose]()
    await clock.advance(10_000)
    expect([watched.woken, clock.sleeping]).toEqual([1, 0])
  })
})
