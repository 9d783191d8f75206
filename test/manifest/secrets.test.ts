import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { secretStore } from '../../src/manifest/secrets.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-secrets-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('the environment comes before the directory, and one trailing line break is no part of the value', async () => {
  await writeFile(join(directory, 'A'), 'from file\n')
  await writeFile(join(directory, 'B'), 'two\nlines\n\n')
  const store = secretStore({ environment: { HERMES_SECRET_A: 'from environment' }, directory })
  expect(store.get('A')).toBe('from environment')
  expect(store.get('B')).toBe('two\nlines\n')
  expect(store.values()).toEqual(['from environment', 'two\nlines\n'])
})

test('a missing secret names itself and the places that were looked at', async () => {
  await writeFile(join(directory, 'EMPTY'), '\n')
  await mkdir(join(directory, 'FOLDER'))
  const store = secretStore({ environment: { HERMES_SECRET_BLANK: '' }, directory })
  for (const name of ['NOPE', 'EMPTY', 'FOLDER', 'BLANK']) {
    expect(() => store.get(name)).toThrow(
      expect.objectContaining({ code: 'secret_missing', message: expect.stringContaining(join(directory, name)) }),
    )
    expect(() => store.get(name)).toThrow(`HERMES_SECRET_${name}`)
  }
  expect(() => secretStore({ environment: {} }).get('NOPE')).toThrow('no secrets directory is set')
})

test('a name cannot lead out of the directory', async () => {
  await writeFile(join(directory, 'lower'), 'x')
  const store = secretStore({ environment: { 'HERMES_SECRET_../A': 'x' }, directory })
  for (const name of ['../A', 'lower', '/etc/passwd', '']) {
    expect(() => store.get(name)).toThrow(expect.objectContaining({ code: 'secret_missing' }))
  }
})

test('a file is read again when it changes, also behind the links of a mounted Kubernetes Secret', async () => {
  await mkdir(join(directory, '..v1'))
  await writeFile(join(directory, '..v1', 'TOKEN'), 'first')
  await symlink('..v1', join(directory, '..data'))
  await symlink('..data/TOKEN', join(directory, 'TOKEN'))
  const store = secretStore({ environment: {}, directory })
  expect(store.get('TOKEN')).toBe('first')
  await mkdir(join(directory, '..v2'))
  await writeFile(join(directory, '..v2', 'TOKEN'), 'other')
  await symlink('..v2', join(directory, '..data_tmp'))
  await rename(join(directory, '..data_tmp'), join(directory, '..data'))
  expect(store.get('TOKEN')).toBe('other')
  expect(store.values()).toEqual(['first', 'other'])
})

test('what was handed out is masked, in every form it takes', () => {
  const environment = {
    HERMES_SECRET_A: 'p@ss word/1',
    HERMES_SECRET_B: 'p@ss word/1 and more',
    HERMES_SECRET_C: 'abc',
    HERMES_SECRET_D: 'qu"ote\n1',
  }
  const store = secretStore({ environment })
  expect(store.mask('p@ss word/1')).toBe('p@ss word/1')
  for (const name of ['A', 'B', 'C', 'D']) store.get(name)
  expect(store.mask('x p@ss word/1 and more, p@ss word/1.')).toBe('x ***, ***.')
  expect(store.mask('GET /?key=p%40ss%20word%2F1&k=p%40ss+word%2F1')).toBe('GET /?key=***&k=***')
  expect(store.mask(JSON.stringify({ d: 'qu"ote\n1' }))).toBe('{"d":"***"}')
  expect(store.mask('abc is too short to hide')).toBe('abc is too short to hide')
})
