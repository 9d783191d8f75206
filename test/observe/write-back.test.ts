import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readBack } from '../../src/observe/read-back.ts'
import type { ResourceStatus, StatusReport } from '../../src/observe/status.ts'
import { writeBack } from '../../src/observe/write-back.ts'
import { longestHold } from '../longest-hold.ts'

let directory: string
let dir: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hermes-write-back-'))
  dir = join(directory, 'status')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

function status(name: string, change: Partial<ResourceStatus> = {}): ResourceStatus {
  return {
    kind: 'SourceDefinition',
    name,
    state: 'ready',
    reason: 'Fetched',
    message: 'It is fetched on schedule.',
    revision: 'sha256:1',
    at: { file: 'a.yaml', line: 1, column: 1 },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Fetched', message: 'It is fetched on schedule.' }],
    rows: 1,
    ...change,
  }
}

function report(...resources: readonly ResourceStatus[]): StatusReport {
  return { time: '2026-01-02T00:00:00.000Z', version: '1.2.3', revision: 'sha256:1', resources, problems: [] }
}

const pathOf = (name: string) => join(dir, 'SourceDefinition', `${name}.yaml`)
const open = (troubles: string[] = []) => writeBack({ dir, onTrouble: (error) => troubles.push(error.message) })
const names = async () => (await readdir(join(dir, 'SourceDefinition'))).toSorted()

/** Puts the file's time into the past, so that a later write shows. */
async function age(path: string): Promise<void> {
  await utimes(path, 1, 1)
}
const wasWritten = async (path: string) => (await stat(path)).mtimeMs > 1000

describe('the status files', () => {
  it('hold what the report says', async () => {
    await open().write(report(status('a'), status('b', { kind: 'Connection' })))
    expect(parse(await readFile(pathOf('a'), 'utf8'))).toEqual(status('a'))
    expect(await readdir(join(dir, 'Connection'))).toEqual(['b.yaml'])
    expect(JSON.parse(await readFile(join(dir, 'status.json'), 'utf8'))).toEqual({
      time: '2026-01-02T00:00:00.000Z',
      version: '1.2.3',
      revision: 'sha256:1',
      states: { ready: 2 },
      problems: [],
    })
  })

  it.each([
    ['rows', { rows: 2 }, false],
    ['the last run', { lastRunAt: '2026-01-02T00:00:00.000Z' }, false],
    ['the state', { state: 'stalled' }, true],
    ['the reason', { reason: 'Scheduled' }, true],
    ['the message', { message: 'Another.' }, true],
    ['the revision', { revision: 'sha256:2' }, true],
    ['the approval', { approval: 'abc' }, true],
    ['a condition', { conditions: [] }, true],
  ] as [string, Partial<ResourceStatus>, boolean][])('a change of %s', async (_what, change, written) => {
    const back = open()
    await back.write(report(status('a'), status('b')))
    await age(pathOf('a'))
    await age(pathOf('b'))
    await back.write(report(status('a', { rows: 7, ...change }), status('b')))
    expect([await wasWritten(pathOf('a')), await wasWritten(pathOf('b'))]).toEqual([written, false])
    if (written) expect(parse(await readFile(pathOf('a'), 'utf8'))).toMatchObject({ rows: 7, ...change })
  })

  it('go with their resource, and those of an earlier process too', async () => {
    await open().write(report(status('a'), status('b'), status('c')))
    await age(pathOf('a'))
    const back = open()
    await back.write(report(status('a'), status('c')))
    expect(await names()).toEqual(['a.yaml', 'c.yaml'])
    expect(await wasWritten(pathOf('a'))).toBe(false)
    await back.write(report())
    expect(await names()).toEqual([])
  })

  it('of others are left alone', async () => {
    await mkdir(join(dir, 'SourceDefinition'), { recursive: true })
    await writeFile(pathOf('notes'), 'mine: true\n')
    await writeFile(join(dir, 'README'), 'mine')
    const back = open()
    await back.write(report(status('a')))
    await back.write(report())
    expect(await names()).toEqual(['notes.yaml'])
    expect(await readdir(dir)).toContain('README')
  })

  it('are mended when they were cut short or changed by hand', async () => {
    await open().write(report(status('a'), status('b')))
    const text = await readFile(pathOf('a'), 'utf8')
    await writeFile(pathOf('a'), text.slice(0, 20))
    await writeFile(pathOf('b'), '')
    await open().write(report(status('a'), status('b')))
    expect(await readFile(pathOf('a'), 'utf8')).toBe(text)
    expect(parse(await readFile(pathOf('b'), 'utf8'))).toEqual(status('b'))
  })

  it('have names that fit, and names that would clash do not', async () => {
    const long = 'n'.repeat(253)
    const similar = `${'n'.repeat(252)}m`
    await open().write(report(status(long), status(similar), status('..')))
    const files = await names()
    expect(files).toHaveLength(3)
    expect(files.every((file) => file.length <= 240)).toBe(true)
    const back = await readBack(dir)
    expect(back?.resources.map(({ name }) => name).toSorted()).toEqual(['..', similar, long].toSorted())
  })

  it('are never seen half-written, whoever kills the writer', async () => {
    const script = `
      const { writeBack } = await import(${JSON.stringify(new URL('../../src/observe/write-back.ts', import.meta.url).href)})
      const back = writeBack({ dir: ${JSON.stringify(dir)}, onTrouble: console.error })
      for (let round = 0; ; round += 1) {
        if (round === 1) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 150)
        const resources = Array.from({ length: 50 }, (_, index) => ({
          kind: 'SourceDefinition', name: 's' + index, state: 'ready', reason: 'R' + round, message: 'm'.repeat(20000),
          revision: '', at: {}, conditions: [] }))
        await back.write({ time: '', version: '', revision: '', resources, problems: [] })
      }`
    const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect([signal, stderr]).toEqual(['SIGKILL', ''])
    const files = (await names()).filter((name) => name.endsWith('.yaml'))
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      expect(parse(await readFile(join(dir, 'SourceDefinition', file), 'utf8')).message).toHaveLength(20_000)
    }
    await open().write(report(status('s0')))
    expect((await readBack(dir))?.resources).toEqual([status('s0')])
  })
})

describe('trouble', () => {
  it('is told once, until it has passed', async () => {
    const troubles: string[] = []
    await writeFile(dir, 'a file where the directory should be')
    const back = open(troubles)
    await back.write(report(status('a')))
    await back.write(report(status('a')))
    expect(troubles).toHaveLength(1)
    await rm(dir)
    await back.write(report(status('a')))
    expect(await names()).toEqual(['a.yaml'])
    await rm(dir, { recursive: true })
    await writeFile(dir, '')
    await back.write(report(status('b')))
    expect(troubles).toHaveLength(2)
  })
})

it('of many reports at once the newest is the one that is there', async () => {
  const back = open()
  const writes = Array.from({ length: 20 }, (_, index) => back.write(report(status(`s${index}`, { rows: index }))))
  await Promise.all(writes)
  expect(await names()).toEqual(['s19.yaml'])
})

it('ten thousand resources do not hold anything else up', async () => {
  const resources = Array.from({ length: 10_000 }, (_, index) => status(`source-${index}`))
  const back = open()
  await back.write(report(...resources))
  const changed = resources.map((each, index) => (index % 100 === 0 ? { ...each, message: 'Other.' } : each))
  const longest = await longestHold(() => back.write(report(...changed)))
  expect(longest).toBeLessThan(100)
  expect(parse(await readFile(pathOf('source-9900'), 'utf8'))).toMatchObject({ message: 'Other.' })
}, 60_000)

describe('reading back', () => {
  it('gives the report as of its last change', async () => {
    await open().write(report(status('b'), status('a', { kind: 'Connection' }), status('a')))
    const back = await readBack(dir)
    expect(back).toEqual(report(status('a', { kind: 'Connection' }), status('a'), status('b')))
  })

  it.each([
    ['nothing', undefined],
    ['garbage', 'garbage'],
    ['another shape', 'null'],
  ])('%s gives nothing', async (_what, text) => {
    if (text !== undefined) {
      await mkdir(dir)
      await writeFile(join(dir, 'status.json'), text)
    }
    expect(await readBack(dir)).toBeUndefined()
  })

  it('passes over what is broken', async () => {
    await open().write(report(status('a'), status('b')))
    const text = await readFile(pathOf('a'), 'utf8')
    await writeFile(pathOf('a'), `${text.slice(0, 90)}\n: [`)
    expect((await readBack(dir))?.resources).toEqual([status('b')])
  })
})
