import { describe, expect, it } from 'vitest'
import { manifestsInGit } from '../../../src/origin/git/manifests-in-git.ts'
import type { ManifestFiles } from '../../../src/origin/manifest-files.ts'
import { definitionText, sourceText } from '../../manifest/texts.ts'
import { FollowedRepository } from './followed-repository.ts'
import { Upstream } from './upstream.ts'

/** What a write came to; the branch has to stay as it was. */
async function refusing(work: (files: ManifestFiles) => Promise<unknown>): Promise<unknown> {
  await using upstream = await Upstream.create()
  const lists = definitionText('quotes', '{ symbol: [AAPL] }')
  await upstream.commit({ 'live/all.yaml': `${lists}---\n${sourceText('plain')}` })
  const head = await upstream.tip('main')
  await using followed = await FollowedRepository.open(upstream.path, { path: 'live' })
  const current = async () => (await followed.read()).manifests
  const files = manifestsInGit({ address: 'https://git.example.com/team.git', path: 'live', current })
  const outcome = await work(files).catch((error: unknown) => error)
  expect(await upstream.tip('main')).toBe(head)
  return outcome
}

const declared = (key: string, line: number) => ({
  code: 'manifests_in_git',
  message: `manifests are in https://git.example.com/team.git: ${key} is declared in live/all.yaml:${line}`,
  fix: 'Edit the file, commit and push it; or let Hermes do so with --git-write.',
})

describe('a repository that nothing may be written to', () => {
  it.each([
    ['update', (files: ManifestFiles) => files.update(sourceText('plain'))],
    ['delete', (files: ManifestFiles) => files.delete('SourceDefinition/plain')],
    ['suspend', (files: ManifestFiles) => files.suspend('SourceDefinition/plain', true)],
  ])('%s names the file to edit', async (_verb, work) => {
    expect(await refusing(work)).toMatchObject(declared('SourceDefinition/plain', 10))
  })

  it('add names a file to make', async () => {
    expect(await refusing((files) => files.add(sourceText('more')))).toMatchObject({
      code: 'manifests_in_git',
      message: expect.stringContaining(
        'SourceDefinition/more is added by a new file, such as live/source-definition-more.yaml',
      ),
    })
  })

  it('what a list makes is edited in the list, and the whole where it is declared', async () => {
    expect(await refusing((files) => files.delete('SourceDefinition/quotes-aapl'))).toMatchObject({
      code: 'generated',
      fix: 'Edit AAPL in all.yaml:1.',
    })
    expect(await refusing((files) => files.suspend('SourceDefinition/quotes', true))).toMatchObject(
      declared('SourceDefinition/quotes', 1),
    )
  })

  it('what is not there is not found', async () => {
    expect(await refusing((files) => files.update(sourceText('nowhere')))).toMatchObject({ code: 'not_found' })
    expect(await refusing((files) => files.add('# nothing\n'))).toMatchObject({ code: 'request_invalid' })
  })
})
