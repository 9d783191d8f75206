import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { directoryOrigin } from '../../src/origin/directory.ts'
import { pinnable } from '../../src/origin/pinnable.ts'
import { kinds } from '../../src/resources/kinds.ts'

const never = new AbortController().signal
let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-pin-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function declare(name: string): Promise<void> {
  const spec = '{ http: { url: "http://127.0.0.1:9" } }'
  const text = `apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: ${name} }\nspec: ${spec}\n`
  await writeFile(join(root, 'a.yaml'), text)
}

it('a pinned origin stays at its snapshot, and goes on when it is let go', async () => {
  await declare('first')
  await using origin = pinnable(directoryOrigin({ root, read: manifestReader(kinds) }))
  const stop = new AbortController()
  const seen: string[] = []
  {
    const snapshot = await origin.read(never)
    using stack = new DisposableStack()
    stack.use(origin.pin(snapshot))
    await declare('second')
    origin.wake()
    expect(await origin.read(never)).toBe(snapshot)
    for await (const each of origin.snapshots(stop.signal)) {
      seen.push(...each.manifests.map(({ name }) => name))
      // It yields no more until it is told to stop.
      setTimeout(() => stop.abort(), 20)
    }
  }
  expect(seen).toEqual(['first'])
  expect((await origin.read(never)).manifests.map(({ name }) => name)).toEqual(['second'])
})
