import { mkdtemp, rm } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Check } from '../../src/service/api.ts'
import type { RouteTable } from '../../src/service/hooks/route-table.ts'
import { openMetrics } from '../../src/service/metrics.ts'
import { type Hooks, startService } from '../../src/service/start-service.ts'
import { PaperApi } from './paper-api.ts'

export interface WorldOptions {
  readonly http?: { readonly host: string; readonly port: number }
  readonly token?: string
  readonly readToken?: string
  readonly checks?: readonly Check[]
  readonly clock?: Clock
  readonly hooks?: Hooks
  readonly routes?: RouteTable
}

const silent = { debug: () => undefined, info: () => undefined, error: () => undefined }

export function partsFor(api: PaperApi, checks: readonly Check[] = [], clock = systemClock) {
  const metrics = openMetrics({ status: () => api.status(), queueDepth: () => 7 })
  return { version: '1.2.3', api, checks, metrics, clock, log: silent }
}

/** A running service over a `PaperApi`, on a socket of its own. */
export async function openWorld({ checks, clock, hooks, routes, ...listen }: WorldOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-service-'))
  const socketPath = join(directory, 'hermes.sock')
  const api = new PaperApi()
  const parts = {
    ...partsFor(api, checks, clock),
    ...(hooks === undefined ? {} : { hooks }),
    ...(routes === undefined ? {} : { routes }),
  }
  const service = await startService({ socketPath, ...listen }, parts)
  return {
    api,
    directory,
    socketPath,
    service,
    metrics: parts.metrics,
    /** A request as any HTTP client would send it, over the socket. */
    ask: (method: string, path: string, body?: string, type?: string) =>
      ask({ socketPath, method, path, ...(type === undefined ? {} : { headers: { 'content-type': type } }) }, body),
    [Symbol.asyncDispose]: async () => {
      await service.close(1000)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

export async function ask(options: RequestOptions, body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request(options, (answer) => {
    text(answer).then(
      (content) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: content }),
      reject,
    )
  })
  sent.on('error', reject).end(body)
  return promise
}
