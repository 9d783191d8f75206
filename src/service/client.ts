import { stat } from 'node:fs/promises'
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { userInfo } from 'node:os'
import { createInterface } from 'node:readline'
import { text as readText } from 'node:stream/consumers'
import { HermesError, toHermesError } from '../errors.ts'
import { parseLossless } from '../lossless-json.ts'
import type { ManifestTree } from '../manifest/manifest-tree.ts'
import type { Api, ManifestView, RunProgress, RunResult, WriteResult } from './api.ts'
import { deadLetterClient } from './dead-letter-client.ts'
import { errorFromAnswer } from './error-answer.ts'
import { TREE_LIMIT } from './routes.ts'
import type { TapOptions, TapSample } from './tap-api.ts'

/** Where a service is asked: its socket, or its address over TCP with the token, where it has one. */
export type ServiceAddress =
  | { readonly socketPath: string }
  | { readonly url: string; readonly token?: string | undefined }

/** A running service as an `Api`: its errors come back as they were thrown there. */
export interface Client extends Api {
  /** Whether a service answers; throws when one is there that this user may not ask. */
  alive(): Promise<boolean>
}

/** Answers that are not the end of long work come within this time, or the service hangs. */
const TIMEOUT_MS = 30_000
const ALIVE_TIMEOUT_MS = 2_000
/** Ten thousand manifests have to be read before they can be planned. */
const PLAN_TIMEOUT_MS = 120_000

/** Every method throws `service_absent` when nothing listens. Uses Node's own HTTP client: it costs no start-up time. */
export function openClient(address: ServiceAddress): Client {
  const ask = async <T>(method: string, path: string, body?: Body, timeoutMs: number | undefined = TIMEOUT_MS) => {
    const answer = await send(address, { method, path: `/api/v1${path}`, body, timeoutMs })
    return (await readAnswer(answer)) as T
  }
  return {
    alive: () => alive(address),
    status: () => ask('GET', '/status'),
    plan: async (tree) => {
      if (tree === undefined) return ask('GET', '/plan')
      return ask('POST', '/plan', treeBody(tree), PLAN_TIMEOUT_MS)
    },
    state: () => ask('GET', '/state', undefined, 0),
    manifests: () => ask<readonly ManifestView[]>('GET', '/manifests'),
    rows: (source, limit) => ask('GET', `/sources/${encodeURIComponent(source)}/rows?limit=${limit}`),
    add: (text) => ask<readonly WriteResult[]>('POST', '/manifests', yaml(text)),
    update: (text) => ask<readonly WriteResult[]>('PUT', '/manifests', yaml(text)),
    delete: (key) => ask('DELETE', manifestPath(key)),
    suspend: (key, suspended) => ask('POST', `${manifestPath(key)}/${suspended ? 'suspend' : 'resume'}`),
    approve: (hash) => ask<readonly string[]>('POST', '/approve', json({ hash })),
    reconcile: async (keys, plan) => {
      const body = { ...(keys === undefined ? {} : { keys }), ...(plan === undefined ? {} : { plan }) }
      await ask('POST', '/reconcile', json(body), 0)
    },
    run: (source, signal, onProgress) => run(address, source, signal, onProgress),
    events: (key) => ask('GET', key === undefined ? '/events' : `/events?for=${encodeURIComponent(key)}`),
    trace: (table) => ask('GET', `/tables/${encodeURIComponent(table)}/trace`),
    tap: (workflow, options, signal) => tap(address, workflow, options, signal),
    deadLetters: deadLetterClient((method, path, body) =>
      ask(method, path, body === undefined ? undefined : json(body), body === undefined ? TIMEOUT_MS : 0),
    ),
  }
}

interface Body {
  readonly type: string
  readonly text: string
}

function yaml(text: string): Body {
  return { type: 'application/yaml', text }
}

function json(value: object): Body {
  return { type: 'application/json', text: JSON.stringify(value) }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 1024 / 1024)
}

function treeBody(tree: ManifestTree): Body {
  const body = json(tree)
  const size = Buffer.byteLength(body.text)
  if (size <= TREE_LIMIT) return body
  throw new HermesError(
    'request_invalid',
    `the manifests have ${mebibytes(size)} MiB; a service plans at most ${mebibytes(TREE_LIMIT)} MiB`,
    { fix: 'Plan against a state: `hermes export-state FILE` there, `hermes plan DIR --state FILE` here.' },
  )
}

interface Question {
  readonly method: string
  readonly path: string
  readonly body?: Body | undefined
  /** Until the answer's head; 0 waits for ever. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

function manifestPath(key: string): string {
  const [kind = '', ...name] = key.split('/')
  return `/manifests/${encodeURIComponent(kind)}/${encodeURIComponent(name.join('/'))}`
}

async function alive(address: ServiceAddress): Promise<boolean> {
  try {
    const answer = await send(address, { method: 'GET', path: '/livez', timeoutMs: ALIVE_TIMEOUT_MS })
    answer.resume()
    return answer.statusCode === 200
  } catch (error) {
    if (error instanceof HermesError && error.code === 'service_absent' && error.cause !== undefined) return false
    throw error
  }
}

async function run(
  address: ServiceAddress,
  source: string,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<RunResult> {
  const path = `/api/v1/sources/${encodeURIComponent(source)}/run`
  const answer = await send(address, { method: 'POST', path, timeoutMs: 0, signal })
  if (answer.statusCode !== 200) await readAnswer(answer)
  try {
    for await (const line of createInterface({ input: answer })) {
      const event = JSON.parse(line) as { progress?: RunProgress; result?: RunResult }
      if (event.progress !== undefined) onProgress?.(event.progress)
      else if (event.result !== undefined) return event.result
      else throw errorFromAnswer(event, 200)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof HermesError ? error : brokenOff(error)
  }
  throw brokenOff(undefined)
}

async function tap(
  address: ServiceAddress,
  workflow: string,
  options: TapOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<TapSample>> {
  const query = new URLSearchParams(
    Object.entries(options).map(([name, value]): [string, string] => [name, String(value)]),
  )
  const path = `/api/v1/workflows/${encodeURIComponent(workflow)}/tap?${query.toString()}`
  const answer = await send(address, { method: 'GET', path, timeoutMs: TIMEOUT_MS, signal })
  if (answer.statusCode !== 200) await readAnswer(answer)
  return samplesOf(answer, signal)
}

async function* samplesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<TapSample> {
  try {
    for await (const line of createInterface({ input: answer })) if (line !== '') yield JSON.parse(line) as TapSample
  } catch (error) {
    if (signal.aborted) return
    throw brokenOff(error)
  }
}

function brokenOff(cause: unknown): HermesError {
  return new HermesError('service_stopping', 'the service broke off in the middle of its answer', { cause })
}

async function readAnswer(answer: IncomingMessage): Promise<unknown> {
  const status = answer.statusCode ?? 0
  const isJson = /^application\/json\b/.test(answer.headers['content-type'] ?? '')
  let body: unknown
  try {
    body = parseLossless(await readText(answer))
  } catch (error) {
    if (status === 200) throw isJson ? brokenOff(error) : errorFromAnswer(undefined, status)
  }
  if (status !== 200) throw errorFromAnswer(body, status)
  return body
}

async function send(address: ServiceAddress, question: Question): Promise<IncomingMessage> {
  if ('socketPath' in address) await refuseForeignSocket(address.socketPath)
  const { method, path, body, timeoutMs, signal } = question
  const options: RequestOptions = {
    method,
    headers: headersOf(address, body),
    ...(signal === undefined ? {} : { signal }),
    ...('socketPath' in address ? { socketPath: address.socketPath, path } : {}),
  }
  const url = 'url' in address ? new URL(address.url + path) : undefined
  const request = (url?.protocol === 'https:' ? requestHttps : requestHttp)(url ?? 'http://localhost', options)
  const timer = timeoutMs === 0 ? undefined : setTimeout(() => request.destroy(late(address, timeoutMs)), timeoutMs)
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).on('error', reject)
      request.end(body?.text)
    })
  } catch (error) {
    signal?.throwIfAborted()
    throw unreachable(address, error)
  } finally {
    clearTimeout(timer)
  }
}

function headersOf(address: ServiceAddress, body: Body | undefined): Record<string, string> {
  const token = 'token' in address ? address.token : undefined
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined
      ? {}
      : { 'content-type': body.type, 'content-length': String(Buffer.byteLength(body.text)) }),
  }
}

/** The service makes its socket for its own user alone; one of somebody else's is not it. */
async function refuseForeignSocket(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreachable({ socketPath: path }, error)
  })
  const { uid } = userInfo()
  if (uid === 0 || found.uid === uid) return
  throw new HermesError('service_absent', `the socket ${path} belongs to another user`, {
    fix: 'Run the command as the user of the service, or name another --socket.',
  })
}

function late(address: ServiceAddress, timeoutMs: number): HermesError {
  const seconds = timeoutMs / 1000
  return new HermesError('service_absent', `the service on ${nameOf(address)} did not answer within ${seconds} s`, {
    fix: 'See whether it is stopped or overloaded, and its log.',
  })
}

/** `cause` is set where nothing listens at all. */
function unreachable(address: ServiceAddress, error: unknown): HermesError {
  if (error instanceof HermesError) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const absent = ['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'ENOTSOCK'].includes(code)
  const message = `no service answers on ${nameOf(address)}`
  if (absent) return new HermesError('service_absent', message, { cause: error })
  return new HermesError('service_absent', `${message}: ${toHermesError(error).message}`)
}

function nameOf(address: ServiceAddress): string {
  return 'url' in address ? address.url : address.socketPath
}
