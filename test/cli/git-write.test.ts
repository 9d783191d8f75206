import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Upstream } from '../origin/git/upstream.ts'
import { openPlace } from './bin.ts'

const connection = (name: string): string => `apiVersion: hermes/v1
kind: Connection
metadata: { name: ${name} }
spec:
  http: { url: "https://${name}.example.com" }
`

/** The real commands on a real repository. */
let upstream: Upstream
let place: Awaited<ReturnType<typeof openPlace>>
let git: readonly string[]
beforeAll(async () => {
  upstream = await Upstream.create()
  await upstream.commit({ 'manifests/shop.yaml': connection('shop') }, { message: 'Begin' })
  place = await openPlace()
  git = ['--git', upstream.path, '--path', 'manifests', '--interval', '1h']
})
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const subjects = async () => (await upstream.git('log', '--reverse', '--format=%s', 'main')).split('\n')

describe('hermes add, update, delete, suspend and resume with --git', () => {
  it('say which file to edit, as long as nothing else is said', async () => {
    for (const verb of ['suspend', 'resume', 'delete']) {
      const { code, stderr } = await place.hermes(verb, 'Connection/shop', ...git)
      expect([code, stderr]).toEqual([1, expect.stringContaining('error[manifests_in_git]')])
      expect(stderr).toContain('Connection/shop is declared in manifests/shop.yaml:1')
    }
    const updated = await place.run('hermes', ['update', '-', ...git], connection('shop'), { HERMES_GIT_WRITE: '0' })
    expect(updated.stderr).toContain('Connection/shop is declared in manifests/shop.yaml:1')
    const added = await place.run('hermes', ['add', '-', ...git], connection('more'))
    expect(added.stderr).toContain('such as manifests/connection-more.yaml')
    expect(await subjects()).toEqual(['Begin'])
  })

  it('commit and push with --git-write, without a service', async () => {
    const added = await place.run('hermes', ['add', '-', ...git, '--git-write'], connection('more'))
    expect(added.stdout).toBe('added Connection/more in manifests/connection-more.yaml\n')
    const changed = connection('more').replace('https:', 'http:')
    const env = { HERMES_GIT_WRITE: '1', HERMES_GIT_AUTHOR: 'Data Team <data@example.com>' }
    expect((await place.run('hermes', ['update', '-', ...git], changed, env)).stderr).not.toContain('error')
    expect(await upstream.git('show', 'main:manifests/connection-more.yaml')).toBe(changed.trim())
    expect(await upstream.git('log', '-1', '--format=%an <%ae>', 'main')).toBe('Data Team <data@example.com>')
    expect(await subjects()).toEqual(['Begin', 'Add Connection/more', 'Update Connection/more'])
  })

  it('and a running service has it in force at once, long before it looks again', async () => {
    const { child } = await place.serve(...git, '--git-write')
    expect((await place.run('hermes', ['add', '-'], connection('late'))).code).toBe(0)
    const deadline = performance.now() + 15_000
    let listed = ''
    while (!/late +ready/.test(listed) && performance.now() < deadline) listed = (await place.status()).stdout
    expect(listed).toMatch(/late +ready/)
    expect((await place.hermes('delete', 'Connection/late')).code).toBe(0)
    expect((await subjects()).slice(-2)).toEqual(['Add Connection/late', 'Delete Connection/late'])
    child.kill('SIGTERM')
  })

  it('make the path with the first manifest, without a service and with one that waits for it', async () => {
    for (const [path, serves] of [
      ['fresh', false],
      ['more/fresh', true],
    ] as const) {
      await using own = await openPlace()
      const at = ['--git', upstream.path, '--path', path, '--interval', '1h', '--git-write']
      const service = serves ? await own.serve(...at) : undefined
      if (serves)
        await expect.poll(async () => (await own.status()).stdout, { timeout: 15_000 }).toContain('git_path_missing')
      const added = await own.run('hermes', ['add', '-', ...(serves ? [] : at)], connection('first'))
      expect(added.stdout).toContain('added Connection/first')
      expect(await upstream.git('show', `main:${path}/connection-first.yaml`)).toBe(connection('first').trim())
      if (serves)
        await expect.poll(async () => (await own.status()).stdout, { timeout: 15_000 }).toMatch(/first +ready/)
      service?.child.kill('SIGTERM')
    }
  }, 60_000)

  it('is refused with what cannot be written', async () => {
    for (const [flag, value] of [
      ['--tag', 'v1'],
      ['--commit', '1'.repeat(40)],
      ['--verify', 'ssh'],
    ] as const) {
      const { stderr } = await place.hermes('list', ...git, '--git-write', flag, value)
      expect(stderr).toContain(`--git-write and ${flag} cannot be set together`)
    }
  })

  it('is a switch in the help', async () => {
    expect((await place.hermes('add', '--help')).stdout).toMatch(/ --git-write +let add, update/)
  })
})
