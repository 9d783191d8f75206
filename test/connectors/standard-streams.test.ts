import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dropSink } from '../../src/connectors/sinks/drop.ts'
import { openDescriptorSink } from '../../src/connectors/sinks/stdout.ts'
import { openDescriptorSource } from '../../src/connectors/sources/stdin.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { failure } from './clients.ts'
import { openConnector } from './open-connector.ts'
import { sinkContract } from './sink-contract.ts'
import { streamSourceContract, take } from './stream-source-contract.ts'

sinkContract('drop', async () => ({
  open: () => openConnector(dropSink, {}),
  [Symbol.asyncDispose]: async () => {},
}))

const linesOf = (content: string): unknown[] =>
  content
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-streams-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** A descriptor of a real pipe; each test has one of its own, for what is read from one is kept. */
function fifo(directory: string): { readonly path: string; readonly descriptor: number } {
  const path = join(directory, 'fifo')
  execFileSync('mkfifo', [path])
  return { path, descriptor: openSync(path, 'r+') }
}

sinkContract('stdout into a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-streams-'))
  const path = join(directory, 'out')
  const descriptor = openSync(path, 'w')
  return {
    open: async () => openDescriptorSink(descriptor),
    written: async () => linesOf(await readFile(path, 'utf8')),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})

streamSourceContract('stdin from a pipe', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hermes-streams-'))
  const { descriptor } = fifo(directory)
  return {
    open: async () => openDescriptorSource(descriptor, { maxLineBytes: 1_000 }),
    give: async (from, to) => {
      for (let id = from; id < to; id++) writeSync(descriptor, `${JSON.stringify({ id })}\n`)
    },
    resumes: false,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  }
})

describe('stdin', () => {
  it('loses nothing when its workflow starts again', async () => {
    const { descriptor } = fifo(root)
    const open = () => openDescriptorSource(descriptor, { maxLineBytes: 1_000 })
    const seen: number[] = []
    writeSync(descriptor, Array.from({ length: 2_500 }, (_, id) => `{"id":${id}}\n`).join(''))
    writeSync(descriptor, '{"id":')
    for (let round = 0; round < 3; round++) {
      await using source = open()
      seen.push(...(await take(source, 1)).ids)
    }
    writeSync(descriptor, '2500}\n')
    await using last = open()
    seen.push(...(await take(last, 1)).ids)
    expect(seen).toEqual(Array.from({ length: 2_501 }, (_, id) => id))
    expect(() => open()).toThrow('another workflow reads')
  })

  it('refuses a line that is too long, and a descriptor that is closed', async () => {
    const { descriptor } = fifo(root)
    writeSync(descriptor, `${'x'.repeat(50)}\n`)
    await using source = openDescriptorSource(descriptor, { maxLineBytes: 10 })
    expect((await failure(take(source, 1))).code).toBe('message_invalid')
    const closed = openSync(join(root, 'fifo'), 'r+')
    closeSync(closed)
    expect(() => openDescriptorSource(closed, { maxLineBytes: 10 })).toThrow('is closed')
  })
})

/** stdin → stdout, as one program. */
const program = `
  import { stdinSource } from './src/connectors/sources/stdin.ts'
  import { stdoutSink } from './src/connectors/sinks/stdout.ts'
  import { openMemoryBuffer } from './src/connectors/buffers/memory.ts'
  import { directBranch } from './src/stream/direct-branch.ts'
  import { runPipeline } from './src/stream/pipeline.ts'
  const never = new AbortController().signal
  const stop = new AbortController()
  process.on('SIGTERM', () => stop.abort())
  await using source = await stdinSource.open({ maxLineBytes: 1_000_000 })
  await using sink = await stdoutSink.open({})
  const buffer = openMemoryBuffer({ messages: 5_000 })
  const moved = await runPipeline({ source, buffer, branches: [directBranch(sink)], stop: stop.signal, signal: never })
  console.error(moved.messages)`

type Program = ChildProcessByStdio<Writable, Readable, Readable>

function run(stdin: 'pipe' | number): Program {
  const child: unknown = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: [stdin, 'pipe', 'pipe'],
  })
  return child as Program
}

describe('stdin to stdout', () => {
  it('moves what is piped through, and ends with it', async () => {
    const child = run('pipe')
    const lines = Array.from({ length: 20_000 }, (_, id) => `{"id": ${id}}`)
    child.stdin.end(`${lines.join('\n')}\n\nno line break`)
    const [out, moved] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    expect(out).toBe(`${lines.join('\n')}\nno line break\n`)
    expect(moved.trim()).toBe('20001')
  })

  it.each(['file', '/dev/null'])('reads from a %s', async (what) => {
    const path = what === 'file' ? join(root, 'in') : what
    if (what === 'file') execFileSync('sh', ['-c', `seq 1 3000 > ${path}`])
    const descriptor = openSync(path, 'r')
    const child = run(descriptor)
    const [out, , [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number]>,
    ])
    closeSync(descriptor)
    expect(linesOf(out).length).toBe(what === 'file' ? 3_000 : 0)
    expect(code).toBe(0)
  })

  it('stops while nothing comes, and lets the process end', async () => {
    const child = run('pipe')
    child.stdin.write('1\n')
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })

  it('waits for a reader that does not read, and says so when it has gone', async () => {
    const child = run('pipe')
    child.stdin.on('error', () => {})
    const lines = `${'x'.repeat(99)}\n`.repeat(10_000)
    child.stdin.write(lines)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(child.exitCode).toBeNull()
    child.stdout.destroy()
    const failed = text(child.stderr)
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(1)
    expect(await failed).toContain('nobody reads the standard output any more')
  })
})

describe('stdout', () => {
  it('gives up with the reason while a pipe is full', async () => {
    const { descriptor } = fifo(root)
    const sink = openDescriptorSink(descriptor)
    const abort = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 50)
    await expect(sink.write(valueBatch(['x'.repeat(1_000_000)]), abort.signal)).rejects.toBe(reason)
  })
})
