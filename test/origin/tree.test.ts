import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { directoryOrigin } from '../../src/origin/directory.ts'
import { readTree, snapshotOfTree } from '../../src/origin/tree.ts'
import { kinds } from '../../src/resources/kinds.ts'

const read = manifestReader(kinds)
let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-tree-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const write = (file: string, content: string | Uint8Array) => writeFile(join(root, file), content)

function source(name: string, path = 'a.csv'): string {
  return `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: ${name} }\nspec: { file: { path: ${path} } }\n`
}

it('a tree declares what its directory does, at the same places and under the same revision', async () => {
  await mkdir(join(root, 'deep/er'), { recursive: true })
  await write('a.yaml', `${source('one')}---\n${source('two')}`)
  await write('deep/er/b.yml', source('three'))
  await write('broken.yaml', 'kind: [\n')
  await write('twice.yaml', source('one'))
  await write('notes.txt', 'no manifest')
  await using origin = directoryOrigin({ root, read })
  const there = await origin.read(new AbortController().signal)
  const { tree, problems } = await readTree(root, read)
  expect(problems).toEqual([])
  expect(tree.files.map(({ file }) => file)).toEqual(['a.yaml', 'broken.yaml', 'deep/er/b.yml', 'twice.yaml'])
  const sent = await snapshotOfTree(JSON.parse(JSON.stringify(tree)), read)
  const facts = ({ manifests, ...rest }: typeof sent) => ({
    ...rest,
    manifests: manifests.map((each) => [each.kind, each.name, each.at, each.hash, each.locate('spec.file.path')]),
  })
  expect(facts(sent)).toEqual(facts(there))
  expect(sent.problems.map(({ code }) => code).toSorted()).toEqual(['duplicate_name', 'duplicate_name', 'yaml_syntax'])
})

it('what cannot be read is told, and counts as broken', async () => {
  await write('good.yaml', source('good'))
  await write('bytes.yaml', new Uint8Array([0xff, 0xfe]))
  await write('large.yaml', `# ${'x'.repeat(1_000_001)}`)
  await symlink('nowhere', join(root, 'link.yaml'))
  const { tree, problems } = await readTree(root, read)
  expect(tree.files.map(({ file }) => file)).toEqual(['good.yaml'])
  expect(tree).toMatchObject({ unread: ['bytes.yaml', 'large.yaml', 'link.yaml'], complete: true })
  expect(problems.map(({ code, at }) => `${at.file} ${code}`).toSorted()).toEqual([
    'bytes.yaml file_not_text',
    'large.yaml file_too_large',
    'link.yaml file_unreadable',
  ])
  const { brokenFiles, complete } = await snapshotOfTree(tree, read)
  expect([...brokenFiles]).toEqual(['bytes.yaml', 'large.yaml', 'link.yaml'])
  expect(complete).toBe(true)
})

it('a file of secrets is checked here, and stays here', async () => {
  await write('good.yaml', source('good'))
  await write('all.sops.yaml', 'TOKEN: hunter2-in-the-open\n')
  const { tree, problems } = await readTree(root, read)
  expect(tree).toMatchObject({ files: [{ file: 'good.yaml' }], unread: ['all.sops.yaml'] })
  expect(problems.map(({ at }) => at.file)).toContain('all.sops.yaml')
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

it('a directory that cannot be listed makes the tree incomplete', async () => {
  await write('good.yaml', source('good'))
  await symlink('nowhere', join(root, 'more'))
  const { tree, problems } = await readTree(root, read)
  expect(tree).toMatchObject({ unread: [], complete: false })
  expect(problems.map(({ code, at }) => `${at.file} ${code}`)).toEqual(['more file_unreadable'])
  expect((await snapshotOfTree(tree, read)).complete).toBe(false)
})

it('a directory that does not exist is refused', async () => {
  await expect(readTree(join(root, 'nowhere'), read)).rejects.toMatchObject({ code: 'manifests_missing' })
})
