import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../architecture.ts'

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<number>()
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    resolve(address !== null && typeof address === 'object' ? address.port : 0)
  })
  const port = await promise
  await new Promise((closed) => server.close(closed))
  return port
}

/** A checkout of the repository to change at will: what the tour edits is a copy, the rest leads here. */
export async function checkout(): Promise<Disposable & { readonly path: string }> {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'hermes-docs-')))
  for (const name of ['examples', 'manifests', 'package.json']) {
    cpSync(join(root, name), join(path, name), { recursive: true })
  }
  for (const name of ['bin', 'src', 'schemas', 'node_modules']) symlinkSync(join(root, name), join(path, name))
  const connection = join(path, 'examples/quickstart/manifests/connection.yaml')
  writeFileSync(connection, readFileSync(connection, 'utf8').replace(':4747', `:${await freePort()}`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
