import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from '../architecture.ts'

const folder = join(root, 'dist/package')

describe('the published package', () => {
  beforeAll(() => {
    execFileSync(process.execPath, ['build/package.ts'], { cwd: root })
  })

  it('runs from compiled files alone', () => {
    expect(existsSync(join(folder, 'src'))).toBe(false)
    const { stdout, status } = spawnSync(process.execPath, ['bin/hermes.js', '--help'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toContain('Usage: hermes')
    expect(status).toBe(0)
  })

  it('brings what a user needs and nothing to develop with', () => {
    const own = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
    expect(Object.keys(own)).toEqual(
      expect.arrayContaining(['name', 'version', 'license', 'engines', 'bin', 'dependencies']),
    )
    expect(own).not.toHaveProperty('devDependencies')
    expect(own).not.toHaveProperty('optionalDependencies')
    expect(own).not.toHaveProperty('scripts')
    for (const path of ['README.md', 'LICENSE', 'CHANGELOG.md', 'bin/launch.js', 'dist/main.js', 'dist/status.js']) {
      expect(existsSync(join(folder, path)), path).toBe(true)
    }
  })

  it('does its work, the worker threads included', () => {
    const place = mkdtempSync(join(tmpdir(), 'hermes-package-'))
    const hermes = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(folder, 'bin/hermes.js'), ...args], { cwd: place, encoding: 'utf8' })
    try {
      const results = [['init'], ['validate'], ['apply'], ['plan'], ['schema']].map((args) => hermes(...args))
      expect(results.map(({ status, stderr }) => [status, stderr])).toEqual(results.map(() => [0, '']))
      expect(results[2]?.stdout).toContain('fetched cities: 5 rows')
      expect(existsSync(join(place, '.hermes/hermes.db'))).toBe(true)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  })

  it('starts its workers from compiled files', () => {
    const { stdout } = spawnSync('grep', ['-rlE', String.raw`new URL\('[^']+\.ts'`, 'dist'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
  })
})
