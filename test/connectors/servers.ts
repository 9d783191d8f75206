import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** A name that nothing else on a shared server has. */
export function uniqueName(what: string): string {
  return `hermes-test-${what}-${randomUUID().slice(0, 8)}`
}

/** A server process of a test's own. */
export interface OwnServer extends AsyncDisposable {
  readonly port: number
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
  /** SIGSTOP and SIGCONT: the server is there and says nothing. */
  freeze(frozen: boolean): void
}

/** Starts a program that listens on the port in its arguments; `dir` is its own directory. */
export async function ownServer(
  program: string,
  argumentsFor: (port: number, dir: string) => readonly string[],
): Promise<OwnServer> {
  const dir = await mkdtemp(join(tmpdir(), 'hermes-server-'))
  const port = await freePort()
  const launch = async () => {
    const child = spawn(program, argumentsFor(port, dir), { stdio: 'ignore', cwd: dir })
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    await listening(port)
    return { child, gone }
  }
  let running = await launch()
  const kill = async (): Promise<void> => {
    running.child.kill('SIGKILL')
    await running.gone
  }
  return {
    port,
    kill,
    start: async () => {
      running = await launch()
    },
    freeze: (frozen) => void running.child.kill(frozen ? 'SIGSTOP' : 'SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A Redis server of a test's own; nothing is kept over a kill but by `--appendonly yes`. */
export function ownRedis(...options: string[]): Promise<OwnServer> {
  return ownServer('redis-server', (port) => ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...options])
}

/** A Redis server that speaks TLS only, and asks for no certificate of its clients. */
export function ownTlsRedis(options: readonly string[]): Promise<OwnServer> {
  const fixed = ['--port', '0', '--bind', '127.0.0.1', '--save', '', '--tls-auth-clients', 'no']
  return ownServer('redis-server', (port) => [...fixed, '--tls-port', String(port), ...options])
}

/** A certificate for 127.0.0.1, in files as servers want it and as text for clients to trust. */
export async function tlsWorld() {
  const { cert, private: key } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  })
  const dir = await mkdtemp(join(tmpdir(), 'hermes-tls-'))
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem'), ca: join(dir, 'cert.pem') }
  await writeFile(files.cert, cert)
  await writeFile(files.key, key)
  return { ca: cert, files, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) }
}

/** A NATS server of a test's own, with JetStream in its directory. */
export function ownNats(...options: string[]): Promise<OwnServer> {
  return ownServer('nats-server', (port, dir) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', dir, ...options])
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = dial(port, '127.0.0.1')
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`nothing listens on port ${port}`)
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
