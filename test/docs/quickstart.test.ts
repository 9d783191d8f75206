import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StatusReport } from '../../src/observe/status.ts'
import { checkout } from './checkout.ts'

const copy = await checkout()
const root = copy.path
const dataDir = join(root, '.hermes')
const { HERMES_DATA_DIR: _, ...env } = process.env
const start = ['bin/launch.js', 'examples/quickstart/start.ts']
let service: ChildProcess
let output = ''

async function printed(pattern: RegExp): Promise<void> {
  while (!pattern.test(output)) {
    if (service.exitCode !== null) throw new Error(`it ended with ${service.exitCode}: ${output}`)
    await Promise.race([once(service, 'exit'), ...(service.stdout ? [once(service.stdout, 'data')] : [])])
  }
}

beforeAll(async () => {
  service = spawn(process.execPath, start, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  service.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await printed(/sources ready/)
})

afterAll(() => {
  service.kill('SIGKILL')
  copy[Symbol.dispose]()
})

describe('npm start', () => {
  it('says where to look, and that all is ready', () => {
    expect(output).toContain('npx hermes-status')
    expect(output).toContain('.hermes/hermes.db')
    expect(output).toMatch(/10 of 10 sources ready/)
  })

  it('has the published data in the tables', () => {
    using database = new DatabaseSync(join(dataDir, 'hermes.db'), { readOnly: true })
    const count = (table: string): number => Number(database.prepare(`select count(*) as n from ${table}`).get()?.n)
    const counts = ['stock_prices', 'earthquakes', 'flights', 'weather', 'airports'].map(count)
    expect(counts).toEqual([560, 1707, 2000, 1461, 3376])
    expect(count('sp500')).toBeGreaterThanOrEqual(250)
    const price = database.prepare("select price from stock_prices where symbol = 'AAPL' and date = '2010-03-01'").get()
    expect(price?.price).toBe('223.02')
  })

  it('is what hermes-status reports', () => {
    const { stdout } = spawnSync(process.execPath, ['bin/hermes-status.js', '--output', 'json'], {
      cwd: root,
      env,
      encoding: 'utf8',
    })
    const report = JSON.parse(stdout) as StatusReport
    const sources = report.resources.filter(({ kind }) => kind === 'SourceDefinition')
    expect(sources).toHaveLength(10)
    expect(sources.filter(({ state, rows }) => state !== 'ready' || !(rows !== undefined && rows > 0))).toEqual([])
  })

  it('keeps its token to itself, and lets other commands use it', () => {
    expect(statSync(join(dataDir, 'secrets/QUICKSTART_TOKEN')).mode & 0o777).toBe(0o600)
    const preview = ['bin/hermes.js', 'preview', 'examples/quickstart/manifests/sp500.yaml', '--output', 'json']
    const { stdout } = spawnSync(process.execPath, preview, { cwd: root, env, encoding: 'utf8' })
    expect(JSON.parse(stdout)).toMatchObject({ name: 'sp500', records: 250 })
  })

  it('refuses to start twice, and says so', () => {
    const second = spawnSync(process.execPath, start, { cwd: root, env, encoding: 'utf8' })
    expect(second.status).toBe(1)
    expect(second.stderr).toContain('already runs')
  })

  it('says which port to change when its own is taken', () => {
    const elsewhere = { ...env, HERMES_DATA_DIR: join(root, 'other') }
    const second = spawnSync(process.execPath, start, { cwd: root, env: elsewhere, encoding: 'utf8' })
    expect(second.status).toBe(1)
    expect(second.stderr).toMatch(/^Port \d+ is taken by another program\.\nFix: write another port .*connection\.yaml/)
  })

  it('drains and ends with 0 when told to stop twice at once, as npm does, and its API with it', async () => {
    const api = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? ''
    expect((await fetch(api)).status).toBe(401)
    service.kill('SIGINT')
    service.kill('SIGINT')
    const [code] = (await once(service, 'exit')) as [number | null]
    expect(code).toBe(0)
    await expect
      .poll(() =>
        fetch(api).then(
          () => 'answers',
          () => 'gone',
        ),
      )
      .toBe('gone')
  })
})
