import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const launcher = fileURLToPath(new URL('../../bin/launch.js', import.meta.url))
const says = `const { argv, execArgv, env } = process
console.log(JSON.stringify({ args: argv.slice(2), execArgv, arenas: env.MALLOC_ARENA_MAX, cache: env.NODE_COMPILE_CACHE }))`

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hermes-launch-'))
  writeFileSync(join(folder, 'says.mjs'), says)
})
afterAll(() => rmSync(folder, { recursive: true }))

function launched(args: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  const { NODE_COMPILE_CACHE: _cache, MALLOC_ARENA_MAX: _arenas, ...inherited } = process.env
  const env = { ...inherited, XDG_CACHE_HOME: folder, ...variables }
  const output = execFileSync(process.execPath, [launcher, join(folder, 'says.mjs'), ...args], {
    env,
    encoding: 'utf8',
  })
  return JSON.parse(output) as { args: string[]; execArgv: string[]; arenas?: string; cache: string }
}

it.each(['serve', 'apply', 'run'])('%s starts sparing with memory, its arguments as they were', (verb) => {
  const { args, execArgv, arenas } = launched(['--data-dir', 'a b', verb, '--drain', '1s'])
  expect(args).toEqual(['--data-dir', 'a b', verb, '--drain', '1s'])
  expect(execArgv).toContain('--max-semi-space-size=8')
  expect(arenas).toBe('2')
})

it('other verbs start as they are', () => {
  expect(launched(['list'])).toMatchObject({ args: ['list'], execArgv: [] })
})

it('what the environment says goes before our own settings', () => {
  expect(launched(['serve'], { MALLOC_ARENA_MAX: '7', NODE_COMPILE_CACHE: join(folder, 'mine') })).toMatchObject({
    arenas: '7',
    cache: join(folder, 'mine'),
  })
})

it('threads find the cache of compiled code in the environment', () => {
  expect(launched(['list']).cache).toBe(join(folder, 'hermes'))
})
