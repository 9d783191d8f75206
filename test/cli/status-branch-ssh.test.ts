import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasSshd, SshGitServer, sshKey } from '../origin/git/ssh-server.ts'
import { BRANCH, StatusRemote } from '../origin/git/status-remote.ts'
import { openPlace } from './bin.ts'

const connection = (name: string): string => `apiVersion: hermes/v1
kind: Connection
metadata: { name: ${name} }
spec:
  http: { url: "https://${name}.example.com" }
`

/** The real commands on a repository behind a real sshd. */
describe.skipIf(!hasSshd)('the status branch over ssh', () => {
  let remote: StatusRemote
  let server: SshGitServer
  let place: Awaited<ReturnType<typeof openPlace>>
  let env: Record<string, string>
  let git: readonly string[]
  beforeAll(async () => {
    remote = await StatusRemote.create()
    server = await SshGitServer.start()
    place = await openPlace()
    await remote.commit({ 'shop.yaml': connection('shop') }, 'main')
    env = { HERMES_SECRET_GIT_SSH_KEY: server.key, HERMES_SECRET_GIT_KNOWN_HOSTS: server.knownHosts }
    git = ['--git', server.url(remote.upstream.path)]
  })
  afterAll(async () => {
    await place[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
    await remote[Symbol.asyncDispose]()
  })

  const apply = (variables = env) => place.run('hermes', ['apply', ...git, '--status-branch', BRANCH], '', variables)
  const status = (variables = env) => place.run('hermes-status', git, '', variables)

  it('is written with the key, once for what changed, and read again', async () => {
    expect(await apply()).toMatchObject({ code: 0, stderr: '' })
    expect(await apply()).toMatchObject({ code: 0, stderr: '' })
    expect(await remote.subjects()).toEqual(['1 resource changed: Connection/shop ready'])
    expect(await remote.files()).toContain('status/Connection/shop.yaml')
    const { code, stdout, stderr } = await status()
    expect([code, stdout]).toEqual([0, expect.stringMatching(/Connection +shop +ready/)])
    expect(stderr).toContain(`branch ${BRANCH} of ${server.url(remote.upstream.path)} was last written`)
  })

  it('is kept up to date by the service, and written when it stops', async () => {
    const options = ['serve', ...git, '--status-branch', BRANCH, '--status-interval', '1h', '--interval', '1s']
    const child = place.start('hermes', options, env)
    const ended = new Promise((resolve) => child.once('close', resolve))
    await remote.commit({ 'more.yaml': connection('more') }, 'main')
    await expect.poll(async () => (await place.status()).stdout, { timeout: 15_000 }).toMatch(/more +ready/)
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    expect((await remote.subjects())[0]).toBe('1 resource changed: Connection/more ready')
  }, 30_000)

  it.each([
    [
      'a key that may read and not write',
      'status branch not written',
      undefined,
      async () => {
        await server.allow(`git-upload-pack '${remote.upstream.path}'`)
        return env
      },
    ],
    [
      'a key that nobody knows',
      'git_unauthorized',
      'Permission denied',
      async () => ({ ...env, HERMES_SECRET_GIT_SSH_KEY: await sshKey(join(place.directory, 'other')) }),
    ],
    [
      'a host that is not known',
      'git_host_unknown',
      'No ED25519 host key is known',
      async () => ({ ...env, HERMES_SECRET_GIT_KNOWN_HOSTS: '' }),
    ],
  ])('%s is told of, and nothing is written', async (_what, told, unread, prepare) => {
    await server.allow()
    const before = await remote.subjects()
    await remote.commit({ 'late.yaml': connection('late') }, 'main')
    const variables = await prepare()
    const { stderr } = await apply(variables)
    expect(stderr).toContain(told)
    expect(stderr).not.toContain('PRIVATE KEY')
    expect(await remote.subjects()).toEqual(before)
    const shown = await status(variables)
    expect(shown.stdout).toMatch(/shop +ready/)
    if (unread === undefined) expect(shown.stderr).toMatch(/: branch .* was last written/)
    else expect(shown.stderr).toContain(unread)
  })
})
