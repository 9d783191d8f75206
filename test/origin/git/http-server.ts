import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from 'selfsigned'
import { gitEnv } from './upstream.ts'

export interface HttpOptions {
  /** The directory that repositories lie in. */
  readonly root: string
  /** `user:password`, without which nothing is answered. */
  readonly auth?: string
  /** With a certificate of its own authority. */
  readonly tls?: boolean
  /** Speaks as Git did before protocol version 2. */
  readonly isOld?: boolean
}

/** What a server does instead of answering; true when it did. */
export type Fault = (request: Received, response: ServerResponse) => boolean

/** A request with its body. */
export interface Received {
  readonly message: IncomingMessage
  readonly body: Buffer
  /** Whether it asks for objects. */
  readonly isTransfer: boolean
}

interface Certificate {
  readonly cert: string
  readonly private: string
}

/** Never answers. */
export const hang: Fault = () => true

/** Closes the connection before any answer. */
export const cut: Fault = ({ message }) => {
  message.socket.destroy()
  return true
}

/** A real Git server over HTTP: `git http-backend` behind Node's. */
export class HttpGitServer implements AsyncDisposable {
  readonly #options: HttpOptions
  readonly #server: Server
  #port = 0
  /** Of its certificate; empty without TLS. */
  readonly ca: string
  /** Everything that was asked, as `POST /team.git/git-upload-pack`. */
  readonly requests: string[] = []
  /** What was sent as credentials, decoded. */
  readonly credentials = new Set<string>()
  fault: Fault | undefined
  /** Answers that carry objects end after so many bytes. */
  cutAfter: number | undefined
  /** The next answer that carries objects tells so often, in milliseconds, that it takes its time. */
  slow: { readonly everyMs: number; readonly times: number } | undefined

  private constructor(options: HttpOptions, certificate: Certificate | undefined) {
    this.#options = options
    this.ca = certificate?.cert ?? ''
    const listener: RequestListener = (request, response) => void this.#answer(request, response)
    this.#server =
      certificate === undefined
        ? createServer(listener)
        : createTlsServer({ cert: certificate.cert, key: certificate.private }, listener)
  }

  static async start(options: HttpOptions): Promise<HttpGitServer> {
    const server = new HttpGitServer(options, options.tls === true ? await makeCertificate() : undefined)
    await server.up()
    return server
  }

  /** The address of a repository. */
  url(name = 'team.git'): string {
    return `${this.#options.tls === true ? 'https' : 'http'}://127.0.0.1:${this.#port}/${name}`
  }

  async up(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${message.method} ${message.url}`)
    const body = Buffer.concat(await message.toArray().catch(() => []))
    const request = { message, body, isTransfer: body.includes('command=fetch') || body.includes('want ') }
    if (!this.#isAllowed(message)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    } else if (this.fault?.(request, response) !== true) await this.#backend(request, response)
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    const [scheme, value = ''] = (headers.authorization ?? '').split(' ')
    const sent = Buffer.from(value, 'base64').toString()
    if (scheme === 'Basic') this.credentials.add(sent)
    return this.#options.auth === undefined || sent === this.#options.auth
  }

  async #backend(request: Received, response: ServerResponse): Promise<void> {
    const child = spawn('git', ['http-backend'], { env: this.#cgi(request.message) })
    child.stdin.on('error', () => undefined)
    child.stdin.end(request.body)
    const output = Buffer.concat(await child.stdout.toArray())
    const end = output.indexOf('\r\n\r\n')
    const lines = output.toString('latin1', 0, Math.max(0, end)).split('\r\n')
    const headers = new Map(lines.map((line) => [line.split(': ')[0] ?? '', line.slice(line.indexOf(': ') + 2)]))
    const status = Number.parseInt(headers.get('Status') ?? '200', 10)
    headers.delete('Status')
    response.writeHead(status, Object.fromEntries(headers))
    const content = output.subarray(end + 4)
    if (!request.isTransfer) response.end(content)
    else if (this.cutAfter !== undefined) response.write(content.subarray(0, this.cutAfter), () => response.destroy())
    else await this.#send(content, response)
  }

  async #send(content: Buffer, response: ServerResponse): Promise<void> {
    const { everyMs, times } = this.slow ?? { everyMs: 0, times: 0 }
    this.slow = undefined
    const start = times === 0 ? 0 : content.indexOf('packfile\n') + 'packfile\n'.length
    response.write(content.subarray(0, start))
    for (let count = 0; count < times; count += 1) {
      await sleep(everyMs)
      response.write(packetOf(`\x02Counting ${count}\r`))
    }
    response.end(content.subarray(start))
  }

  #cgi({ url = '', method = '', headers }: IncomingMessage): Record<string, string> {
    const [path = '', query = ''] = url.split('?')
    const { isOld = false, root } = this.#options
    return {
      ...gitEnv,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      REQUEST_METHOD: method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: isOld ? '' : [headers['git-protocol'] ?? ''].join(),
    }
  }
}

/** As Git frames what it sends; the first byte tells whom it is for, 2 for people. */
function packetOf(text: string): string {
  return `${(text.length + 4).toString(16).padStart(4, '0')}${text}`
}

function makeCertificate(): Promise<Certificate> {
  return generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  })
}
