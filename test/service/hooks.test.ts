import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { hmac, type Sender, senders, type Told } from './hook-senders.ts'
import { begin, clock, main, post, SECRET, send, TOKEN, useHookWorld, watched } from './hook-world.ts'

useHookWorld()

describe.each(Object.entries<Sender>(senders))('a webhook of %s', (_name, sender) => {
  beforeEach(() => {
    watched.repository = sender.address('acme', 'data')
  })

  it('wakes for a push to the watched branch', async () => {
    expect(await send(sender, main)).toEqual({ status: 202, woken: 1, answer: { wakes: true } })
  })

  it.each([
    ['another branch', { ...main, ref: 'refs/heads/feature' }],
    ['a branch whose name ends alike', { ...main, ref: 'refs/heads/not/main' }],
    ['a tag of the same name', { ...main, ref: 'refs/tags/main' }],
    ['another branch that was deleted', { ...main, ref: 'refs/heads/feature', deleted: true }],
  ] as [string, Told][])('wakes nothing for a push to %s', async (_what, told) => {
    const answer = { wakes: false, reason: 'it is another branch or tag' }
    expect(await send(sender, told)).toEqual({ status: 202, woken: 0, answer })
  })

  it.each([
    ['of another name', { ...main, name: 'data2' }],
    ['of another owner', { ...main, owner: 'evil' }],
    ['deeper down', { ...main, owner: 'acme/data' }],
  ] as [string, Told][])('wakes nothing for a repository %s', async (_what, told) => {
    const answer = { wakes: false, reason: 'it is another repository' }
    expect(await send(sender, told)).toEqual({ status: 202, woken: 0, answer })
  })

  it('wakes for the watched repository however its name is written, and for a branch only as it is', async () => {
    expect(await send(sender, { ...main, owner: 'Acme', name: 'DATA' })).toMatchObject({ status: 202, woken: 1 })
    watched.woken = 0
    watched.repository = sender.address('ACME', 'Data')
    expect(await send(sender, main)).toMatchObject({ status: 202, woken: 1 })
    watched.woken = 0
    expect(await send(sender, { ...main, ref: 'refs/heads/Main' })).toMatchObject({ status: 202, woken: 0 })
  })

  it('wakes when the watched branch was deleted: the status shall say so', async () => {
    expect(await send(sender, { ...main, deleted: true })).toMatchObject({ status: 202, woken: 1 })
  })

  it('wakes for a watched tag that moved, and for no other', async () => {
    watched.ref = { tag: 'v1' }
    expect(await send(sender, { ...main, ref: 'refs/tags/v2' })).toMatchObject({ status: 202, woken: 0 })
    expect(await send(sender, { ...main, ref: 'refs/heads/v1' })).toMatchObject({ status: 202, woken: 0 })
    expect(await send(sender, { ...main, ref: 'refs/tags/v1' })).toMatchObject({ status: 202, woken: 1 })
  })

  it('wakes for the default branch where that is followed, or any where the host does not name it', async () => {
    watched.ref = undefined
    expect(await send(sender, { ...main, ref: 'refs/tags/v1' })).toMatchObject({ status: 202, woken: 0 })
    const other = await send(sender, { ...main, ref: 'refs/heads/feature' })
    expect(other).toMatchObject({ status: 202, woken: sender.namesDefaultBranch ? 0 : 1 })
    watched.woken = 0
    expect(await send(sender, main)).toMatchObject({ status: 202, woken: 1 })
  })

  it('wakes nothing where a commit is pinned', async () => {
    watched.ref = { commit: '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5' }
    expect(await send(sender, main)).toMatchObject({ status: 202, woken: 0 })
  })

  it('is refused, without telling why, unless it is signed with the secret', async () => {
    const { headers, body } = sender.push(main)
    const content = JSON.stringify(body)
    const right = sender.sign(content, SECRET)
    const wrong = sender.sign(content, `whsec_${Buffer.alloc(32).toString('base64')}`)
    const halved = Object.fromEntries(Object.entries(right).map(([name, value]) => [name, value.slice(0, -3)]))
    const emptied = Object.fromEntries(Object.keys(right).map((name) => [name, '']))
    const answers = await Promise.all([
      post(headers, content),
      post({ ...headers, ...wrong }, content),
      post({ ...headers, ...halved }, content),
      post({ ...headers, ...emptied }, content),
      post({ ...headers, authorization: `Bearer ${TOKEN}` }, content),
      post(right, content.replace('acme', 'Acme')),
    ])
    // A secret token, unlike a signature, says nothing of the body.
    const tampered = right['X-Gitlab-Token'] === SECRET ? [] : [await post({ ...headers, ...right }, `${content} `)]
    await clock.advance(2_000)
    for (const { status, text: answer } of [...answers, ...tampered]) {
      expect([status, answer]).toEqual([401, answers[0]?.text])
    }
    expect(watched.woken).toBe(0)
    expect(answers[0]?.text).not.toContain(SECRET)
  })

  it('is refused when it is signed with nothing, as one without a secret would be', async () => {
    expect(await send(sender, main, { secret: '' })).toMatchObject({ status: 401, woken: 0 })
  })
})

it.each(['GitHub', 'Bitbucket Data Center'] as const)('a ping of %s is answered and wakes nothing', async (name) => {
  const sender = senders[name]
  const content = JSON.stringify(sender.ping.body)
  const { headers } = sender.ping
  expect((await post({ ...headers, ...sender.sign(content, SECRET) }, content)).status).toBe(200)
  expect((await post(headers, content)).status).toBe(401)
  expect(watched.woken).toBe(0)
})

describe('a webhook', () => {
  const sender = senders.GitHub
  beforeEach(() => {
    watched.repository = sender.address('acme', 'data')
  })

  it.each([
    'https://github.com/acme/data',
    'https://GitHub.com:443/acme/data.git/',
    'http://github.com/acme/data.git',
    'git@github.com:acme/data.git',
    'github.com:acme/data',
    'ssh://git@github.com/acme/data.git',
    'ssh://git@GITHUB.com:22/acme/data',
    'https://github.com/Acme/Data.GIT',
  ])('is of the repository that is watched as %s', async (address) => {
    watched.repository = address
    expect(await send(sender, main)).toMatchObject({ status: 202, woken: 1 })
  })

  it.each([
    'https://github.com/acme',
    'https://github.com/acme/data/tree',
    'https://github.example.com/acme/data',
    'https://evil.example/github.com/acme/data',
    '/acme/data',
    'nothing',
    '',
  ])('is not of the repository that is watched as %j', async (address) => {
    watched.repository = address
    expect(await send(sender, main)).toMatchObject({ status: 202, woken: 0 })
  })

  it('of a repository on this machine is matched by its path', async () => {
    watched.repository = 'file:///srv/git/data.git'
    const content = JSON.stringify({ repository: '/srv/git/data.git', ref: 'refs/heads/main' })
    expect((await post(senders['anything that signs'].sign(content, SECRET), content)).status).toBe(202)
    expect(watched.woken).toBe(1)
    watched.woken = 0
    watched.repository = '/srv/git/Data.git'
    expect((await post(senders['anything that signs'].sign(content, SECRET), content)).status).toBe(202)
    expect(watched.woken).toBe(0)
  })

  it('is taken as a form too, signed over the form by GitHub and over the payload by Gitea', async () => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const [name, signsForm] of [
      ['GitHub', true],
      ['Gitea', false],
    ] as const) {
      watched.woken = 0
      watched.repository = senders[name].address('acme', 'data')
      const { headers, body } = senders[name].push(main)
      const payload = JSON.stringify(body)
      const form = new URLSearchParams({ payload }).toString()
      const signed = senders[name].sign(signsForm ? form : payload, SECRET)
      expect((await post({ ...headers, ...type, ...signed }, form)).status).toBe(202)
      await clock.advance(2_000)
      expect([name, watched.woken]).toEqual([name, 1])
    }
  })

  it('is taken as JSON where curl calls it a form', async () => {
    const generic = senders['anything that signs']
    watched.repository = generic.address('acme', 'data')
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const wakes = { status: 202, woken: 1, answer: { wakes: true } }
    expect(await send(generic, main, { headers: type })).toEqual(wakes)
  })

  it('of other events wakes nothing', async () => {
    expect(await send(sender, main, { headers: { 'X-GitHub-Event': 'pull_request' } })).toMatchObject({
      status: 202,
      woken: 0,
    })
  })

  it('that is signed but not in the documented form is told so', async () => {
    for (const content of ['', '{', 'null', '[]', '7', '{"ref":"refs/heads/main"}', '{"ref":7,"repository":{}}']) {
      const answer = await post({ 'X-GitHub-Event': 'push', ...sender.sign(content, SECRET) }, content)
      expect([content, answer.status]).toEqual([content, 400])
      expect(answer.text).toContain('request_invalid')
    }
    expect(watched.woken).toBe(0)
  })

  it('from nobody known is refused', async () => {
    const content = JSON.stringify(sender.push(main).body)
    expect((await post({ 'X-Hub-Signature-256': `sha256=${hmac(content, SECRET)}` }, content)).status).toBe(401)
  })

  it('is not accepted compressed', async () => {
    const content = JSON.stringify(sender.push(main).body)
    const sent = { ...sender.sign(content, SECRET), 'content-encoding': 'gzip' }
    const answer = await post(sent, gzipSync(content).toString('latin1'))
    expect([answer.status, answer.text]).toEqual([415, expect.stringContaining('webhook_encoded')])
  })

  it('is checked as GitHub and Standard Webhooks show it', async () => {
    watched.secret = () => "It's a Secret to Everybody"
    const hub = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    const hello = await post(
      { 'X-GitHub-Event': 'push', 'X-Hub-Signature-256': `sha256=${hub}`, 'content-type': 'text/plain' },
      'Hello, World!',
    )
    expect([hello.status, hello.text]).toEqual([400, expect.stringContaining('holds no JSON')])

    watched.secret = () => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const standard = {
      'X-Gitlab-Event': 'Push Hook',
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    }
    expect((await post(standard, '{"test": 2432232314}')).status).toBe(202)
  })

  it('signed with the key that GitLab would make of a secret that is none is refused', async () => {
    watched.repository = senders.GitLab.address('acme', 'data')
    watched.secret = () => '?!'
    const { headers, body } = senders.GitLab.push(main)
    const content = JSON.stringify(body)
    const signature = `v1,${hmac(`1.2.${content}`, '', 'base64')}`
    const signed = { 'webhook-id': '1', 'webhook-timestamp': '2', 'webhook-signature': signature }
    expect((await post({ ...headers, ...signed }, content)).status).toBe(401)
    expect(watched.woken).toBe(0)
  })

  it('sent again and again wakes once in a second', async () => {
    const { headers, body } = sender.push(main)
    const content = JSON.stringify(body)
    const again = () => post({ ...headers, ...sender.sign(content, SECRET) }, content)
    const answers = await Promise.all(Array.from({ length: 50 }, again))
    expect(answers.every(({ status }) => status === 202)).toBe(true)
    expect(watched.woken).toBe(1)
    await clock.advance(999)
    expect(watched.woken).toBe(1)
    await clock.advance(1)
    expect(watched.woken).toBe(2)
    await again()
    await clock.advance(60_000)
    expect(watched.woken).toBe(3)
  })

  it('may have a megabyte and no more', async () => {
    const generic = senders['anything that signs']
    watched.repository = generic.address('acme', 'data')
    const { repository, ref } = generic.push(main).body as { repository: string; ref: string }
    const padding = 1024 * 1024 - JSON.stringify({ repository, ref, padding: '' }).length
    const content = JSON.stringify({ repository, ref, padding: 'x'.repeat(padding) })
    expect(content).toHaveLength(1024 * 1024)
    expect((await post(generic.sign(content, SECRET), content)).status).toBe(202)
    expect(watched.woken).toBe(1)
    await clock.advance(2_000)

    const more = `${content} `
    const signed = generic.sign(more, SECRET)
    expect(await begin({ ...signed, 'content-length': `${more.length}` }, '')).toBe(413)
    expect(await begin({ ...signed, 'transfer-encoding': 'chunked' }, more)).toBe(413)
    await clock.advance(2_000)
    expect(watched.woken).toBe(1)
  })
})
