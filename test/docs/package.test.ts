import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from '../architecture.ts'
import { consumer } from './consumer.ts'

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

  it('is a library whose documented programs compile and run', { timeout: 120_000 }, () => {
    using project = consumer(folder)
    const page = readFileSync(join(root, 'docs/guides/library.md'), 'utf8')
    const programs = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, program = '']) => program)
    for (const [index, program] of programs.entries()) project.write(`program-${index}.ts`, program)
    project.write('orders.jsonl', '{"amount":50}\n{"amount":150}\n')
    project.write(
      'wrong.ts',
      "import { pipeline } from 'hermes'\nawait pipeline({ source: { file: { pth: 'a' } }, sinks: [] })\n",
    )

    expect(project.compile()).toMatch(/^wrong\.ts\(2,\d+\): error TS\d+: .*'pth' does not exist.*\n$/)
    const printed = programs.map((_, index) => project.run(`program-${index}.ts`))
    expect(printed).toEqual([
      "{ file: { written: 1, rejected: 0, failures: 0, breaker: 'closed' } }\n",
      expect.stringMatching(/^\d+\n/),
      '',
      '',
      'stopped 0\n',
    ])
    const sums = printed[1]?.trim().split('\n').map(Number) ?? []
    expect(sums.reduce((sum, each) => sum + each, 0)).toBe((900 * 1_101) / 2)
    expect(project.read('rejected.jsonl')).toMatch(
      /^\{"message":\{"amont":130\},"stage":"steps\[0\]\.filter","reason":".*"\}\n$/,
    )
    expect(project.read('pages.jsonl').trim().split('\n')).toHaveLength(40)
    expect(project.run('program-2.ts')).toBe('')
    expect(project.read('pages.jsonl').trim().split('\n')).toHaveLength(40)
    const [first = ''] = programs
    expect(first).toBe(readFileSync(join(root, 'examples/library/large-orders.ts'), 'utf8'))
    expect(first.trim().split('\n').length).toBeLessThanOrEqual(10)
  })

  it('starts its workers from compiled files', () => {
    const { stdout } = spawnSync('grep', ['-rlE', String.raw`new URL\('[^']+\.ts'`, 'dist'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
  })
})
