import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Starts the API in a process of its own that ends with this one. Undefined when the port is taken. */
export async function startApi(port: number, token: string): Promise<string | undefined> {
  const child = fork(fileURLToPath(new URL('api.ts', import.meta.url)), {
    env: { ...process.env, QUICKSTART_PORT: String(port), QUICKSTART_TOKEN: token },
  })
  const [{ url }] = (await once(child, 'message')) as [{ url?: string }]
  child.unref()
  child.channel?.unref()
  return url
}

/** A new token, where `${secrets.QUICKSTART_TOKEN}` finds it: a file that only its owner may read. */
export function makeToken(secretsDir: string): string {
  const token = randomBytes(24).toString('base64url')
  const file = join(secretsDir, 'QUICKSTART_TOKEN')
  mkdirSync(secretsDir, { recursive: true, mode: 0o700 })
  writeFileSync(file, `${token}\n`, { mode: 0o600 })
  return token
}

/** The port that the Connection names. */
export function portIn(connectionFile: string): number {
  const port = /^\s*url: http:\/\/127\.0\.0\.1:(\d+)/m.exec(readFileSync(connectionFile, 'utf8'))?.[1]
  if (port === undefined) throw new Error(`${connectionFile} names no url like http://127.0.0.1:4747`)
  return Number(port)
}

/** Whether somebody answers on a unix socket. */
export async function isListening(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
