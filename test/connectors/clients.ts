import { afterEach, expect } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import { HermesError } from '../../src/errors.ts'
import type { HttpRequest } from '../../src/stream/connector.ts'
import { type Handler, type LocalServer, serve } from './local-server.ts'
import { connection } from './opened.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]()
})

/** Disposed after the test. */
export function keep<T extends AsyncDisposable>(each: T): T {
  open.push(each)
  return each
}

export async function started(handler: Handler): Promise<LocalServer> {
  return keep(await serve(handler))
}

export function client(config: object, clock?: Clock): ReturnType<typeof connection> {
  return keep(connection(config, clock))
}

export const get: HttpRequest = { method: 'GET', url: '/', timeoutMs: 5_000, maxResponseBytes: 1_000_000, attempts: 1 }

export function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}

/** The error that a promise must end in. */
export async function failure(request: Promise<unknown>): Promise<HermesError> {
  const error: unknown = await request.then(
    () => 'it succeeded',
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HermesError)
  return error as HermesError
}
