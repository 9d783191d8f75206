import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from './upstream.ts'

const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find(
  (path) => spawnSync(path, ['-?']).error === undefined,
)
/** Whether the machine has an sshd. */
export const hasSshd = sshd !== undefined
if (!hasSshd && process.env['HERMES_REQUIRE_SERVICES'] === '1') {
  throw new Error('there is no sshd: install openssh-server')
}

/** A real sshd on the loopback address, with keys that are thrown away. It lets the present user in, to read files. */
export class SshGitServer implements AsyncDisposable {
  readonly #dir: string
  readonly #port: number
  #process: ChildProcess | undefined
  /** The private key that is let in. */
  readonly key: string
  /** The line of `known_hosts`. */
  readonly knownHosts: string

  private constructor(dir: string, port: number, keys: { readonly key: string; readonly host: string }) {
    this.#dir = dir
    this.#port = port
    this.key = keys.key
    this.knownHosts = `[127.0.0.1]:${port} ${keys.host}`
  }

  static async start(): Promise<SshGitServer> {
    // sshd of root wants it, and a machine that runs no service of that name lacks it.
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true })
    const dir = await mkdtemp(join(tmpdir(), 'hermes-sshd-'))
    const key = await sshKey(join(dir, 'user'))
    await sshKey(join(dir, 'host'))
    const host = (await readFile(join(dir, 'host.pub'), 'utf8')).trim()
    const server = new SshGitServer(dir, await freePort(), { key, host })
    await server.allow()
    await writeFile(join(dir, 'config'), server.#config())
    await server.up()
    return server
  }

  url(path: string): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.#port}${path}`
  }

  /** Lets the key in; with `command`, only to run that. */
  async allow(command?: string): Promise<void> {
    const key = await readFile(join(this.#dir, 'user.pub'), 'utf8')
    const options = command === undefined ? '' : `command="${command}" `
    await writeFile(join(this.#dir, 'authorized_keys'), `${options}${key}`, { mode: 0o600 })
  }

  async up(): Promise<void> {
    this.#process = spawn(sshd ?? 'sshd', ['-D', '-e', '-f', join(this.#dir, 'config')], { stdio: 'ignore' })
    for (let tries = 0; !(await answers(this.#port)); tries += 1) {
      if (tries > 400) throw new Error('sshd does not answer')
      await sleep(25)
    }
  }

  async down(): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    this.#process = undefined
    child.kill()
    await once(child, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
    await rm(this.#dir, { recursive: true, force: true })
  }

  #config(): string {
    return `Port ${this.#port}
ListenAddress 127.0.0.1
HostKey "${join(this.#dir, 'host')}"
AuthorizedKeysFile "${join(this.#dir, 'authorized_keys')}"
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AcceptEnv GIT_PROTOCOL
MaxStartups 100
`
  }
}

/** Makes a key pair and returns the private key. */
export async function sshKey(path: string): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ann@example.test', '-f', path])
  return await readFile(path, 'utf8')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('data', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
