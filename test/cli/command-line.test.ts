import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verbs } from '../../src/cli/verbs.ts'
import { settings } from '../../src/config.ts'
import { errorTable } from '../../src/errors.ts'
import { openPlace } from './bin.ts'
import { hermesInProcess } from './in-process.ts'

let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
})
afterAll(() => place[Symbol.asyncDispose]())

describe('help', () => {
  it('lists every verb and every setting, for the command alone as well', async () => {
    const [asked, alone, word] = await Promise.all([place.hermes('--help'), place.hermes(), place.hermes('help')])
    expect(asked.code).toBe(0)
    for (const [name, { summary }] of Object.entries(verbs))
      expect(asked.stdout).toMatch(new RegExp(`${name} +${summary}`))
    for (const { flag, variable } of Object.values(settings)) {
      expect(asked.stdout).toContain(flag)
      expect(asked.stdout).toContain(`[${variable}]`)
    }
    expect(asked.stdout).not.toContain('__complete')
    expect([alone.stdout, word.stdout, alone.code, word.code]).toEqual([asked.stdout, asked.stdout, 0, 0])
  })

  it.each(Object.keys(verbs))('of %s has examples', async (name) => {
    const { code, stdout, stderr } = await hermesInProcess(place.directory, name, '--help')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^Usage: hermes ${name}`))
    expect(stdout).toMatch(new RegExp(`Examples:\\n.*hermes ${name}.* # \\w`))
  })

  it('is there by its word too, and for hermes-status', async () => {
    expect((await place.hermes('help', 'plan')).stdout).toBe((await place.hermes('plan', '--help')).stdout)
    const status = await place.status('--help')
    expect(status.stdout).toMatch(/^Usage: hermes-status .*Examples:\n {2}hermes-status /s)
  })
})

describe('a mistake', () => {
  it.each([
    [['lst'], 64, 'usage', 'Did you mean list?'],
    [['list', '--outptu', 'json'], 64, 'usage', 'Did you mean --output?'],
    [['list', '--output', 'xml'], 64, 'usage', 'table, json, yaml'],
    [['run'], 64, 'usage', 'source'],
    [['run', 'Connection/x'], 64, 'usage', 'no source'],
    [['list', 'a', 'b'], 64, 'usage', 'too many arguments'],
    [['get', 'x', '--rows', '0'], 64, 'usage', '1 to 1000'],
    [['serve', '--drain', 'soon'], 64, 'usage', '--drain is soon'],
    [['completion', 'csh'], 64, 'usage', 'bash, zsh, fish'],
    [['add', 'nowhere.yaml'], 1, 'file_unreadable', 'nowhere.yaml'],
    [['list', '--http', 'x'], 1, 'setting_invalid', 'HOST:PORT'],
    [['list', '--server', 'http://127.0.0.1:9'], 1, 'service_absent', '127.0.0.1:9'],
    [['schema', 'Table'], 1, 'not_found', 'Use one of Connection, SourceDefinition'],
  ] as [string[], number, string, string][])('%j', async (args, code, error, words) => {
    const ran = await hermesInProcess(place.directory, ...args)
    expect([ran.code, ran.stdout]).toEqual([code, ''])
    expect(ran.stderr).toMatch(new RegExp(`^error\\[${error}\\]: .+\\n(  at .+\\n)?  fix: .+\\n$`))
    expect(ran.stderr).toContain(words)
    expect(errorTable).toHaveProperty(error)
  })

  it('of the real command is answered alike', async () => {
    const [real, here] = await Promise.all([place.hermes('lst'), hermesInProcess(place.directory, 'lst')])
    expect(real).toEqual(here)
  })

  it('of hermes-status is answered alike', async () => {
    const ran = await place.status()
    expect([ran.code, ran.stdout]).toEqual([1, ''])
    expect(ran.stderr).toMatch(/^error\[service_absent\]: .+no status is written in .+\n {2}fix: .+\n$/)
  })
})

describe('hermes init', () => {
  it('writes an example, and overwrites nothing', async () => {
    const first = await place.hermes('init', 'demo')
    expect(first.code).toBe(0)
    expect(first.stdout).toContain('wrote demo/manifests/cities.yaml\nwrote demo/data/cities.csv\n')
    expect(first.stdout).toContain('next: cd demo')
    const path = join(place.directory, 'demo/data/cities.csv')
    await writeFile(path, 'mine')
    const second = await place.hermes('init', 'demo')
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toContain('error[file_exists]: demo/manifests/cities.yaml')
    expect(await readFile(path, 'utf8')).toBe('mine')
  })
})

describe('hermes schema', () => {
  it('lists the kinds, and prints the schema that is committed', async () => {
    expect((await place.hermes('schema')).stdout).toMatch(
      /^Connection {2}.+\nSourceDefinition {2}.+\nWorkflow {2}.+\nWorkflowTest {2}.+\n$/,
    )
    const { stdout } = await place.hermes('schema', 'source')
    expect(JSON.parse(stdout)).toMatchObject({ title: 'SourceDefinition', type: 'object' })
    expect(stdout).toBe(await readFile(new URL('../../schemas/source-definition.json', import.meta.url), 'utf8'))
  })
})

describe('completion', () => {
  it.each([
    ['bash', ['-n']],
    ['zsh', ['-n']],
    ['fish', ['--no-execute']],
  ])('has a script for %s', async (shell, check) => {
    const { code, stdout } = await place.hermes('completion', shell)
    expect(code).toBe(0)
    expect(stdout).toContain('hermes __complete -- ')
    const { spawnSync } = await import('node:child_process')
    const checked = spawnSync(shell, check, { input: stdout, encoding: 'utf8' })
    if (checked.error === undefined) expect([checked.status, checked.stderr]).toEqual([0, ''])
  })

  it.each([
    [[''], expect.stringMatching(/^serve\nplan\n.*completion\n$/s)],
    [['re'], 'reconcile\nresume\n'],
    [['list', 'S'], 'SourceDefinition\n'],
    [['schema', 'W'], 'Workflow\nWorkflowTest\n'],
    [['completion', ''], 'bash\nzsh\nfish\n'],
    [['get', '--ro'], '--rows\n'],
    [['--data-dir', 'x', 'serve', '--dr'], '--drain\n'],
    [['plan', '--data'], '--data-dir\n--database\n'],
    [['get', ''], ''],
  ])('offers what may stand after %j', async (words, expected) => {
    expect(await hermesInProcess(place.directory, '__complete', '--', ...words)).toEqual({
      code: 0,
      stdout: expected,
      stderr: '',
    })
  })

  it('works in a real bash', async () => {
    const { spawnSync } = await import('node:child_process')
    const bin = new URL('../../bin/hermes.js', import.meta.url).pathname
    const script = `hermes() { ${process.execPath} ${bin} "$@"; }
      source <(hermes completion bash)
      COMP_WORDS=(hermes sus); COMP_CWORD=1; _hermes; echo "\${COMPREPLY[*]}"
      COMP_WORDS=(hermes list --outp); COMP_CWORD=2; _hermes; echo "\${COMPREPLY[*]}"`
    const { stdout } = spawnSync('bash', ['-c', script], { cwd: place.directory, encoding: 'utf8' })
    expect(stdout).toBe('suspend\n--output\n')
  })
})

it('a reader that goes away ends it quietly', async () => {
  const child = place.start('hermes', ['--help'])
  child.stdout.destroy()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await new Promise((resolve) => child.once('close', resolve))
  expect(stderr).toBe('')
})

it('prints its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect((await place.hermes('--version')).stdout).toBe(`${version}\n`)
})
