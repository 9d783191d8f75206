import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Hooks } from '../../src/service/start-service.ts'
import { FakeClock } from '../fake-clock.ts'
import type { Sender, Told } from './hook-senders.ts'
import { type Answer, ask, openWorld } from './open-world.ts'

export const TOKEN = 'a-token-of-some-length'
/** As GitLab makes its signing tokens; any text will do for the others. */
export const SECRET = `whsec_${Buffer.from('thirty-two bytes that were drawn').toString('base64')}`

/** What is watched; a test changes it before it sends. */
export const watched: { -readonly [Name in keyof Hooks]: Hooks[Name] } & { woken: number } = {
  repository: '',
  ref: undefined,
  secret: () => SECRET,
  wake: () => {
    watched.woken += 1
  },
  woken: 0,
}

export const clock = new FakeClock()
export let world: Awaited<ReturnType<typeof openWorld>>
/** Has the tests of a file share one service. */
export function useHookWorld(): void {
  beforeAll(async () => {
    world = await openWorld({ http: { host: '127.0.0.1', port: 0 }, token: TOKEN, hooks: watched, clock })
  })
  afterAll(() => world[Symbol.asyncDispose]())
  beforeEach(async () => {
    await clock.advance(10_000)
    Object.assign(watched, { ref: { branch: 'main' }, secret: () => SECRET, woken: 0 })
  })
}

export type Headers = Readonly<Record<string, string>>

export function post(headers: Headers, body: string, path = '/hooks/git'): Promise<Answer> {
  return ask({ ...world.service.http, method: 'POST', path, headers }, body)
}

/** Sends it as the host would, and tells how often the loop was woken once all is quiet. */
export async function send(sender: Sender, told: Told, change: { secret?: string; headers?: Headers } = {}) {
  const { headers, body } = sender.push(told)
  const content = JSON.stringify(body)
  const signed = sender.sign(content, change.secret ?? SECRET)
  const { status, text: answer } = await post({ ...headers, ...signed, ...change.headers }, content)
  await clock.advance(2_000)
  return { status, woken: watched.woken, answer: JSON.parse(answer) as unknown }
}

/** The answer to a request that never comes to its end. */
export async function begin(headers: Headers, body: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const sent = request({ ...world.service.http, method: 'POST', path: '/hooks/git', headers })
  sent.on('error', reject).on('response', (answer) => {
    text(answer).then(() => resolve(answer.statusCode), reject)
  })
  sent.flushHeaders()
  if (body !== '') sent.write(body)
  const status = await promise
  sent.on('error', () => undefined).destroy()
  return status
}

export const main: Told = { owner: 'acme', name: 'data', ref: 'refs/heads/main' }
