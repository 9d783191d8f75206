import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { fileSink } from '../../src/connectors/sinks/file.ts'
import { followFileSource } from '../../src/connectors/sources/follow-file.ts'
import { generateSource } from '../../src/connectors/sources/generate.ts'
import type { Position } from '../../src/stream/batch.ts'
import { directBranch } from '../../src/stream/direct-branch.ts'
import { runPipeline } from '../../src/stream/pipeline.ts'
import { openConnector } from './open-connector.ts'
import { never } from './opened.ts'

/** What the program is told, as JSON, in its first argument. */
export interface Moving {
  readonly source: { readonly generate: object } | { readonly file: object }
  readonly sink: object
  /** A file that holds the position behind what was acknowledged. */
  readonly position: string
}

// A program of its own, to be killed: it moves from a source into files, and goes on where it was.
const { source: from, sink: into, position } = JSON.parse(process.argv[2] ?? '') as Moving
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

await using source = await ('generate' in from
  ? openConnector(generateSource, from.generate)
  : openConnector(followFileSource, from.file))
await using sink = await openConnector(fileSink, into)
await runPipeline({
  source,
  from: saved(),
  buffer: openMemoryBuffer({ messages: 1_000 }),
  branches: [directBranch(sink)],
  stop: stop.signal,
  signal: never,
  onAck: save,
})

function saved(): Position {
  try {
    return JSON.parse(readFileSync(position, 'utf8')) as Position
  } catch {
    return undefined
  }
}

function save(behind: Position): void {
  writeFileSync(`${position}.new`, JSON.stringify(behind))
  renameSync(`${position}.new`, position)
}
