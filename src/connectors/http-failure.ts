import type { ErrorCode } from '../errors.ts'

/** Why an exchange did not end with an answer. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  /** False when the request cannot have reached the server. */
  readonly sent: boolean
}

interface SystemError {
  readonly code?: string
  readonly message?: string
  readonly cause?: unknown
  readonly errors?: readonly unknown[]
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  EADDRNOTAVAIL: 'there is no address to connect from',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not made in time',
}

const broken: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_CLOSED: 'the connection is closed',
  UND_ERR_DESTROYED: 'the connection is closed',
}

const certificate =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO)/
const decompression = /^(Z_|ERR_BROTLI|ERR__ERROR_FORMAT|ERR_PADDING|ZSTD_)/

/** What an error of undici, of the network or of TLS means. Its message holds nothing of the request. */
export function failureOf(error: unknown): Failure {
  const { code, message } = innermost(error)
  const reach = unreachable[code]
  if (reach !== undefined) return { code: 'http_network', message: `${reach} (${code})`, sent: false }
  if (certificate.test(code)) {
    return { code: 'http_tls', message: `the TLS connection failed: ${message} (${code})`, sent: false }
  }
  const half = broken[code]
  if (half !== undefined) return { code: 'http_network', message: `${half} (${code})`, sent: true }
  if (decompression.test(code)) {
    return { code: 'http_network', message: `the compressed answer is damaged or incomplete (${code})`, sent: true }
  }
  if (code.startsWith('HPE_')) {
    return { code: 'http_network', message: `the answer is not HTTP (${code})`, sent: true }
  }
  if (code === 'UND_ERR_INVALID_ARG') {
    return { code: 'http_client_error', message: `the request cannot be sent: ${message}`, sent: false }
  }
  return { code: 'http_network', message: code === '' ? message : `${message} (${code})`, sent: true }
}

/** The system's own error at the end of a chain of causes. */
function innermost(error: unknown): { code: string; message: string } {
  const { code = '', message = String(error), cause, errors } = (error ?? {}) as SystemError
  const inner = cause ?? (code === '' ? errors?.[0] : undefined)
  return inner instanceof Error && inner !== error ? innermost(inner) : { code, message }
}
