import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { FollowedRepository } from './followed-repository.ts'
import { expectKept, expectNothing } from './in-force.ts'
import { Signer } from './signing.ts'
import { Upstream } from './upstream.ts'

const a = { 'a.yaml': sourceText('a') }
const b = { 'b.yaml': sourceText('b') }

let ssh: Signer
let gpg: Signer
let otherSsh: Signer
let otherGpg: Signer
beforeAll(async () => {
  ssh = await Signer.ssh()
  gpg = await Signer.gpg()
  otherSsh = await Signer.ssh()
  otherGpg = await Signer.gpg()
})
afterAll(async () => {
  for (const signer of [ssh, gpg, otherSsh, otherGpg]) await signer[Symbol.asyncDispose]()
})

describe.each(['ssh', 'gpg'])('signatures by %s', (kind) => {
  const ours = (): Signer => (kind === 'ssh' ? ssh : gpg)
  const other = (): Signer => (kind === 'ssh' ? otherSsh : otherGpg)
  const ofOtherKind = (): Signer => (kind === 'ssh' ? gpg : ssh)

  test('a good one brings a commit into force, and the next', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: ours().signing })
    await using followed = await FollowedRepository.open(upstream.path, { trust: ours().trust })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
    const commit = await upstream.commit(b, { signing: ours().signing })
    const snapshot = await followed.read()
    expect(snapshot).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
    expect(namesOf(snapshot)).toEqual(['a', 'b'])
  })

  test.each<[string, RegExp, (upstream: Upstream) => Promise<string>]>([
    ['without a signature', /not signed/, (upstream) => upstream.commit(b)],
    ['of a key that is not trusted', /not trusted/, (upstream) => upstream.commit(b, { signing: other().signing })],
    ['of the other kind', /./, (upstream) => upstream.commit(b, { signing: ofOtherKind().signing })],
    ['that was changed after it was signed', /does not fit|not trusted|Could not verify/, tampered],
    ['on top of which nobody signed', /not signed/, unsignedOnSigned],
  ])('a commit %s is refused, the last good one stays in force, and a good one comes again', async (_, why, make) => {
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: ours().signing })
    await using first = await FollowedRepository.open(upstream.path, { trust: ours().trust })
    const before = await first.read()
    const commit = await make(upstream)
    const refused = await first.read()
    expectKept(before, refused, 'git_unverified')
    expect(refused.problems[0]?.message).toContain(commit)
    expect(refused.problems[0]?.message).toMatch(why)
    await using followed = await first.restart()
    expectKept(before, await followed.read(), 'git_unverified')
    const good = await upstream.commit({ 'c.yaml': sourceText('c') }, { signing: ours().signing })
    expect(await followed.read()).toMatchObject({ revision: `main@sha1:${good}`, problems: [] })
  })

  test('a first commit that is refused brings nothing into force', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a)
    await using followed = await FollowedRepository.open(upstream.path, { trust: ours().trust })
    expectNothing(await followed.read(), 'git_unverified')
    expect(followed.parsed).toEqual([])
  })

  test('what came into force without a look at signatures is not in force once they are looked at', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a)
    await using first = await FollowedRepository.open(upstream.path)
    await first.read()
    await upstream.hide()
    await using followed = await first.restart({ trust: ours().trust })
    expectNothing(await followed.read(), 'git_repository_missing')
  })

  test('a commit that is refused and then forced away leaves no trace', async () => {
    await using upstream = await Upstream.create()
    const good = await upstream.commit(a, { signing: ours().signing })
    await using followed = await FollowedRepository.open(upstream.path, { trust: ours().trust })
    const before = await followed.read()
    await upstream.commit(b)
    expectKept(before, await followed.read(), 'git_unverified')
    await upstream.force('main', good)
    expect(await followed.read()).toMatchObject({
      revision: before.revision,
      problems: [],
      manifests: before.manifests,
    })
  })

  async function tampered(upstream: Upstream): Promise<string> {
    await upstream.commit(b, { signing: ours().signing })
    return await upstream.tamper('main', (text) => `${text} and more`)
  }

  async function unsignedOnSigned(upstream: Upstream): Promise<string> {
    await upstream.commit(b, { signing: ours().signing })
    return await upstream.commit({ 'c.yaml': sourceText('c') })
  }
})

describe('keys of GnuPG', () => {
  test('an expired one signs nothing new; what it brought into force before stays, beyond a restart too', async () => {
    await using expired = await Signer.gpg('20200101T000000')
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: expired.signing })
    await using first = await FollowedRepository.open(upstream.path, { trust: expired.trust })
    const refused = await first.read()
    expectNothing(refused, 'git_unverified')
    expect(refused.problems[0]?.message).toContain('expired')
    await using unlooked = await first.restart({ trust: undefined })
    const before = await unlooked.read()
    expect(before.problems).toEqual([])
    await using followed = await unlooked.restart({ trust: expired.trust })
    expectKept(before, await followed.read(), 'git_unverified')
  })

  test('a revoked one counts for nothing', async () => {
    await using signer = await Signer.gpg()
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: signer.signing })
    const keys = 'gpg' in signer.trust ? signer.trust.gpg : ''
    const trust = { gpg: `${keys}\n${await signer.revocation()}` }
    await using followed = await FollowedRepository.open(upstream.path, { trust })
    const snapshot = await followed.read()
    expectNothing(snapshot, 'git_unverified')
    expect(snapshot.problems[0]?.message).toContain('revoked')
  })

  test('one of several is enough', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: otherGpg.signing })
    const keys = [gpg, otherGpg].map(({ trust }) => ('gpg' in trust ? trust.gpg : ''))
    await using followed = await FollowedRepository.open(upstream.path, { trust: { gpg: keys.join('\n') } })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
  })

  test('a text that is no keyring is refused at the start', async () => {
    await using upstream = await Upstream.create()
    const opening = FollowedRepository.open(upstream.path, { trust: { gpg: 'no keys' } })
    await expect(opening).rejects.toMatchObject({ code: 'setting_invalid' })
  })
})

describe('allowed signers of ssh', () => {
  test('comments and several lines; an empty list trusts nobody', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: ssh.signing })
    const lines = [otherSsh, ssh].map(({ trust }) => ('ssh' in trust ? trust.ssh : ''))
    const signers = `# the team\n\n${lines.join('\n')}`
    await using followed = await FollowedRepository.open(upstream.path, { trust: { ssh: signers } })
    expect(await followed.read()).toMatchObject({ problems: [], complete: true })
    await using nobody = await followed.restart({ trust: { ssh: '' } })
    expectNothing(await nobody.read(), 'git_unverified')
  })

  test('a key for something else than git does not count', async () => {
    await using upstream = await Upstream.create()
    await upstream.commit(a, { signing: ssh.signing })
    const line = 'ssh' in ssh.trust ? ssh.trust.ssh : ''
    const trust = { ssh: line.replace(' ', ' namespaces="file" ') }
    await using followed = await FollowedRepository.open(upstream.path, { trust })
    expectNothing(await followed.read(), 'git_unverified')
  })
})
