import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BufferReport } from '../../src/buffer-report.ts'
import { formatBytes } from '../../src/cli/display.ts'
import { BufferDirectory } from '../connectors/file-buffer-world.ts'
import { type LocalServer, serve } from '../connectors/local-server.ts'
import { openPlace } from './bin.ts'

/** The real command beside a real service: one sink of the workflow takes everything, the other one nothing yet. */
let place: Awaited<ReturnType<typeof openPlace>>
let copy: string
let busy: LocalServer
beforeAll(async () => {
  place = await openPlace()
  const { directory } = place
  busy = await serve(({ method }, response) => {
    response.writeHead(method === 'HEAD' ? 200 : 503).end()
  })
  await mkdir(join(directory, 'manifests'))
  await writeFile(join(directory, 'prices.jsonl'), '{"n":1}\n{"n":2}\n{"n":3}\n')
  const kept = `sinks: [{ name: archive, file: { path: ../out.jsonl } }, { http: { url: "${busy.url}" } }]`
  await writeFile(
    join(directory, 'manifests', 'workflows.yaml'),
    `${manifest('prices', `buffer: { file: {} }\n  ${kept}`)}---\n${manifest('calm', 'sinks: [{ drop: {} }]')}`,
  )
  await place.serve()
  copy = join(directory, 'copy')
}, 60_000)
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await busy[Symbol.asyncDispose]()
})

function manifest(name: string, rest: string): string {
  const source = 'source: { file: { path: ../prices.jsonl } }'
  return `apiVersion: hermes/v1\nkind: Workflow\nmetadata: { name: ${name} }\nspec:\n  ${source}\n  ${rest}\n`
}

const buffer = (...args: readonly string[]) => place.hermes('buffer', ...args)

async function inspect(...args: readonly string[]): Promise<BufferReport> {
  const { stdout, stderr } = await buffer('inspect', ...args, '-o', 'json')
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as BufferReport
}

it('shows beside a running service what waits for which sink', { timeout: 60_000 }, async () => {
  await expect
    .poll(async () => (await inspect('prices')).consumers.map(({ name, messages }) => [name, messages]), {
      timeout: 30_000,
    })
    .toEqual([
      ['archive', 0],
      ['http', 3],
    ])
  const report = await inspect('Workflow/prices')
  expect(report).toMatchObject({ messages: 3, damagedFrames: 0, areConsumersLost: false })
  expect(report.consumers[1]).toMatchObject({ bytes: 21, frames: report.frames })
  const { code, stdout } = await buffer('inspect', 'prices')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^SEGMENT +FRAMES +MESSAGES +SIZE +UNFINISHED +DAMAGED FRAMES\n\w{16}-\w{8}\.frames +\d+ +3 +/)
  expect(stdout).toMatch(/\nCONSUMER +BEHIND +FRAMES +PAYLOADS\narchive +0 +0 +0 B\nhttp +3 +\d+ +21 B\n/)
  expect(stdout).toMatch(/\n\.hermes\/buffers\/prices: 1 segment, \d+ frames?, 3 messages, \d+ B\n$/)
  const verified = await buffer('verify', 'prices')
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/\nnothing is damaged\n$/), stderr: '' })
  await cp(join(place.directory, '.hermes/buffers/prices'), copy, { recursive: true })
})

it('says what is damaged, with an exit code of its own', async () => {
  using damaged = new BufferDirectory()
  await cp(copy, damaged.path, { recursive: true })
  const [frame] = damaged.frames()
  damaged.flip(frame?.file ?? '', (frame?.offset ?? 0) + (frame?.length ?? 0) - 1)
  const args = ['--dir', damaged.path]
  expect(await buffer('inspect', ...args)).toMatchObject({ code: 0, stdout: expect.not.stringContaining('damaged:') })
  const { code, stdout } = await buffer('verify', ...args)
  expect([code, stdout]).toEqual([2, expect.stringContaining('1 frame damaged: a sink that has not read them')])
  expect(stdout).toMatch(/\.frames .* 0\n/)
  const json = JSON.parse((await buffer('verify', ...args, '-o', 'json')).stdout) as BufferReport
  expect(json).toMatchObject({ damagedFrames: 1, segments: [{ damaged: [{ frame: 0, frames: 1 }] }] })
  await writeFile(join(damaged.path, 'cursors'), 'nothing')
  const lost = await buffer('verify', ...args)
  expect([lost.code, lost.stdout]).toEqual([2, expect.stringContaining('nobody knows what was delivered')])
})

it.each([
  [['inspect', 'calm'], 1, 'buffer_absent', 'the buffer of calm is memory', 'buffer: { file: {} }'],
  [['inspect', 'price'], 1, 'not_found', 'did you mean prices?', '--dir'],
  [['verify', 'prices', '--data-dir', 'elsewhere'], 1, 'buffer_absent', 'elsewhere/buffers/prices', '--data-dir'],
  [['verify', '--dir', 'manifests'], 1, 'buffer_absent', 'manifests holds no buffer', '--dir'],
  [['verify', '--dir', 'nowhere'], 1, 'buffer_absent', 'nowhere holds no buffer', '--dir'],
  [['verify', '../../etc'], 64, 'usage', 'no name of a workflow', '--dir'],
  [['verify'], 64, 'usage', 'name a workflow', 'help'],
  [['verify', 'prices', '--dir', 'x'], 64, 'usage', 'name a workflow', 'help'],
  [['mend', 'prices'], 64, 'usage', 'inspect, verify', 'help'],
  [['verify', 'prices', '--server', 'http://127.0.0.1:1'], 64, 'usage', 'where they are', 'machine of the service'],
])('%j is refused', async (args, code, error, message, fix) => {
  const ran = await buffer(...args)
  expect([ran.code, ran.stdout]).toEqual([code, ''])
  expect(ran.stderr).toMatch(new RegExp(`^error\\[${error}\\]: .+\\n(  at manifests/.+\\n)?  fix: .+\\n$`))
  expect(ran.stderr).toContain(message)
  expect(ran.stderr).toContain(fix)
})

const complete = async (...words: readonly string[]) => (await place.hermes('__complete', '--', ...words)).stdout

it('is completed: first what to do, then with which workflow', async () => {
  expect(await complete('buffer', '')).toBe('inspect\nverify\n')
  expect(await complete('buffer', 'verify', '')).toBe('prices\ncalm\n')
  expect(await complete('dead-letters', 'list', 'p')).toBe('prices\n')
})

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 KiB'],
  [1_536, '1.5 KiB'],
  [1_023_999, '1000 KiB'],
  [64 * 2 ** 20, '64.0 MiB'],
  [340 * 2 ** 30, '340 GiB'],
  [2 ** 50, '1024 TiB'],
])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
