import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LetterSummary, LetterView } from '../../src/service/dead-letter-api.ts'
import { openStore } from '../../src/store/open.ts'
import { openPlace } from './bin.ts'

/** The real command over a real database, first without a service and then with one. */
let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
  await place.hermes('init')
  await place.hermes('apply')
  await using store = await openStore(`sqlite:${join(place.directory, '.hermes', 'hermes.db')}`)
  const letters = Array.from({ length: 12 }, (_, number) => ({
    payload: new TextEncoder().encode(`{"n":${number}}`),
    meta: { key: `k${number}` },
    reason: `column price is numeric; it has "${number}\u001b[31m"`,
    stage: 'sinks.cold',
    attempts: 3,
    at: Date.UTC(2026, 0, 1, 0, number),
  }))
  await store.deadLetters.of('prices').write(letters, new AbortController().signal)
})
afterAll(() => place[Symbol.asyncDispose]())

const deadLetters = (...args: readonly string[]) => place.hermes('dead-letters', ...args)
const list = async (...args: readonly string[]) =>
  JSON.parse((await deadLetters('list', 'prices', '-o', 'json', ...args)).stdout) as readonly LetterSummary[]

it.each(['without a service', 'with one'])('are looked into and dropped, %s', { timeout: 60_000 }, async (how) => {
  if (how === 'with one') await place.serve()
  const all = await list()
  const [first] = all
  const { stdout } = await deadLetters('list', 'prices', '--limit', '2')
  expect(stdout).toMatch(/^LETTER +WRITTEN +STAGE +ATTEMPTS +KEY +BYTES +REASON\n.*sinks\.cold +3 +k\d+ .*numeric/)
  expect(stdout.trim().split('\n')).toHaveLength(3)
  expect((await deadLetters('list', 'nobody')).stdout).toBe('nobody has no such dead letters\n')
  const shown = await deadLetters('show', 'prices', first?.id ?? '')
  expect(shown.stdout).toMatch(/^letter {4}\S+\nwritten {3}2026-01-01T.*\nstage {5}sinks\.cold\nreason {4}column price/)
  expect(shown.stdout).not.toContain('\u001b')
  const [view] = JSON.parse((await deadLetters('show', 'prices', '--limit', '1', '-o', 'json')).stdout) as LetterView[]
  expect(view).toMatchObject({ ...first, payload: first?.excerpt, encoding: 'utf-8' })
  const dropped = await deadLetters('drop', 'prices', '--where', 'message.n % 2 == 0', '--limit', '2')
  expect(dropped).toMatchObject({ code: 0, stdout: 'dropped 2 letters\n' })
  const last = all.at(-1)?.id ?? ''
  expect((await deadLetters('drop', 'prices', last)).stdout).toBe('dropped 1 letter\n')
  expect((await deadLetters('drop', 'prices', last)).stdout).toBe('dropped 0 letters\n')
  expect(await list()).toHaveLength(all.length - 3)
})

it.each([
  [['retry', 'prices', '--all'], 1, 'error[not_in_force]'],
  [['drop', 'prices'], 64, 'drop needs ids of letters, --where or --all'],
  [['drop', 'prices', '--all', '--where', 'true'], 64, '--all goes with neither'],
  [['drop', 'prices', '--where', 'n =='], 1, 'error[expression_syntax]'],
  [['burn', 'prices'], 64, 'burn'],
  [['list', 'prices', '--limit', '0'], 64, '--limit is 0'],
  [['show', 'prices', 'none'], 1, 'error[not_found]'],
  [['list'], 64, 'workflow'],
])('%j is refused', async (args, code, message) => {
  expect(await deadLetters(...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) })
})

it('all of them are dropped by who says so', async () => {
  expect((await deadLetters('drop', 'prices', '--all')).stdout).toBe('dropped 6 letters\n')
  expect(await list()).toStrictEqual([])
})
