import { expect, it } from 'vitest'
import { placeText } from '../src/cli/place-text.ts'
import { placeOf } from '../src/place.ts'

it.each([
  ['a file', 'dir/quotes.yaml', 'manifests/dir/quotes.yaml:1:1', 'dir/quotes.yaml:1'],
  ['a list', 'symbols.CSV', 'manifests/symbols.CSV:1:1', 'symbols.CSV:1'],
  ['a directory', 'dir', 'manifests/dir', 'dir'],
  ['a repository', 'https://example.com/data.git', 'https://example.com/data.git', 'https://example.com/data.git'],
  ['a repository by ssh', 'git@example.com:data.git', 'git@example.com:data.git', 'git@example.com:data.git'],
  ['a repository on this machine', '/srv/data.git', '/srv/data.git', '/srv/data.git'],
])('the place of %s is as people can follow it', (_what, file, inProject, alone) => {
  const at = { file, line: 1, column: 1 }
  expect(placeText(at, 'manifests')).toBe(inProject)
  expect(placeOf(at)).toBe(alone)
})

it('a place within is never left out', () => {
  expect(placeOf({ file: 'input', line: 5, column: 22 }, true)).toBe('input:5:22')
})
