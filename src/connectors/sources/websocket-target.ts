import type { IncomingMessage } from 'node:http'
import type { ClientOptions } from 'ws'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import { failureOf } from '../http-failure.ts'
import { headerSecrets, type Mask, maskOf } from '../masking.ts'
import { retryAfterMs } from '../retry-after.ts'
import type { WebsocketConfig } from './websocket-config.ts'

/** Where and how to connect, and how to speak of it without giving a secret away. */
export interface Target {
  readonly url: URL
  readonly protocols: readonly string[]
  readonly options: ClientOptions
  /** What is sent when a connection is made. */
  readonly subscribe: readonly string[]
  readonly connectTimeoutMs: number
  readonly maxPayload: number
  /** Scheme, host and port. */
  readonly name: string
  readonly mask: Mask
}

/** The other side has so long to answer that a connection is to be closed; then it is cut. */
const CLOSE_MS = 500

/** Reads a configuration; throws `invalid_value` for an address that is none. */
export function targetOf(config: WebsocketConfig): Target {
  const { headers = {}, protocols = [], subscribe = [], maxPayload } = config
  const url = addressOf(config.url)
  const texts = subscribe.map(messageText)
  const { insecureSkipVerify, ...tls } = config.tls ?? { insecureSkipVerify: false }
  const options = {
    ...tls,
    ...(insecureSkipVerify ? { rejectUnauthorized: false } : {}),
    headers,
    maxPayload,
    perMessageDeflate: config.compression,
    closeTimeout: CLOSE_MS,
  }
  const mask = maskOf([
    ...urlSecrets(url),
    ...headerSecrets(headers),
    ...subscribe.flatMap(textsIn),
    config.tls?.key ?? '',
  ])
  const connectTimeoutMs = durationMs(config.connectTimeout)
  return {
    url,
    protocols,
    options,
    subscribe: texts,
    connectTimeoutMs,
    maxPayload,
    name: `${url.protocol}//${url.host}`,
    mask,
  }
}

/** What is sent for a message of a manifest: text as it is, anything else as JSON. */
export function messageText(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message)
}

function addressOf(text: string): URL {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw new HermesError('invalid_value', 'url is not a ws:// or wss:// address')
  }
  if (url.username !== '' || url.password !== '') {
    throw new HermesError('invalid_value', 'url holds a user name or password', {
      fix: 'Take it out of the address and write a header: authorization: "Basic …".',
    })
  }
  url.hash = ''
  return url
}

const SHORTEST_SECRET = 6

/** What of an address may be a secret: the parts of its path and the values of its query. */
function urlSecrets(url: URL): string[] {
  const parts = [...url.pathname.split('/'), ...url.searchParams.values()]
  return parts.filter((part) => part.length >= SHORTEST_SECRET)
}

/** Every text in a message that may be a secret. */
function textsIn(message: unknown): string[] {
  if (typeof message === 'string') return message.length < SHORTEST_SECRET ? [] : [message]
  return typeof message === 'object' && message !== null ? Object.values(message).flatMap(textsIn) : []
}

const later = new Set([408, 425, 429])

/** Why a server that answered did not let the connection be made: `connector_refused` when asking again is no use. */
export function refusal(target: Target, { statusCode = 0, headers }: IncomingMessage, now: number): HermesError {
  const answered = `${target.name} answered ${statusCode} instead of opening a WebSocket`
  if (statusCode >= 500 || later.has(statusCode)) {
    const wait = retryAfterMs(headers, now)
    return new HermesError('connector_unavailable', answered, wait === undefined ? {} : { retryAfterMs: wait })
  }
  const fix = [401, 403].includes(statusCode)
    ? 'Check the headers, the address and their secrets.'
    : 'Check the address: another path, or another host, speaks WebSocket.'
  return new HermesError('connector_refused', answered, { fix })
}

/** What an error of `ws`, of the network or of TLS means. */
export function lossOf(target: Target, error: Error & { readonly code?: string }): HermesError {
  const { name, maxPayload } = target
  if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    return new HermesError('connector_unavailable', `${name} sent a message larger than maxPayload: ${maxPayload}`, {
      fix: 'Raise maxPayload, or subscribe to less.',
    })
  }
  if (error.code?.startsWith('WS_ERR_') === true) {
    return new HermesError('connector_unavailable', `${name} broke the protocol: ${target.mask(error.message)}`)
  }
  const { code, message } = failureOf(error)
  if (code === 'http_tls') {
    return new HermesError('connector_refused', `${name}: ${message}`, {
      fix: "Set tls.ca to the certificate that signed the server's, or correct the host name.",
    })
  }
  return new HermesError('connector_unavailable', `${name}: ${target.mask(message)}`)
}

/** Why a connection that was closed properly was closed. */
export function closure(target: Target, code: number, reason: string): HermesError {
  const why = reason === '' ? '' : `: ${target.mask(reason)}`
  const how =
    code === 1006 ? 'went away without closing the connection' : `closed the connection with code ${code}${why}`
  return new HermesError('connector_unavailable', `${target.name} ${how}`)
}
