import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorTable } from '../../src/errors.ts'
import { readSources, root } from '../architecture.ts'

describe('generated files', () => {
  it('are what the code says now', () => {
    const { status, stderr } = spawnSync(process.execPath, ['build/generate.ts', '--check'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})

describe('error codes', () => {
  const documented = [...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(
    (match) => match[1] ?? '',
  )
  const code = readSources('src')
    .filter((file) => !file.path.startsWith('src/error-table'))
    .map((file) => file.text)
    .join('\n')

  it('are all documented, and no others', () => {
    expect(documented.toSorted()).toEqual(Object.keys(errorTable).toSorted())
  })

  it('are all used', () => {
    expect(Object.keys(errorTable).filter((each) => !code.includes(`'${each}'`))).toEqual([])
  })
})
