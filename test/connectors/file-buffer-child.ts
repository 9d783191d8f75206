import { openSync, writeSync } from 'node:fs'
import { openFileBuffer } from '../../src/connectors/buffers/file-open.ts'
import { openOverflowBuffer } from '../../src/connectors/buffers/overflow-buffer.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { never, placeOf } from './buffers.ts'

/** What the parent passes. */
export interface ChildTask {
  readonly dir: string
  /** A file for what happens: what was written to it outlives a kill, what waits in a pipe does not. */
  readonly log: string
  readonly consumers: readonly string[]
  /** Id of the first message. */
  readonly first: number
  readonly batch: number
  readonly limits: { readonly bytes: number; readonly segmentBytes: number }
  /** So many messages are held in memory before the files are used; absent: none. */
  readonly memory?: number
}

/** Pushes without end and has each consumer acknowledge what it gets; writes down what was acknowledged, until it is killed. */
async function flow({ dir, consumers, first, batch, limits, memory, log }: ChildTask): Promise<void> {
  const place = placeOf(dir, consumers)
  const buffer =
    memory === undefined
      ? await openFileBuffer(limits, place)
      : await openOverflowBuffer({ memory: { messages: memory }, file: limits }, place)
  const told = openSync(log, 'w')
  const say = (line: string): void => void writeSync(told, `${line}\n`)
  const consume = async (consumer: number): Promise<void> => {
    for await (const delivery of buffer.pull(never, consumer)) {
      const values = delivery.batch.values() as { id: number }[]
      say(`${consumers[consumer]} ${values[0]?.id} ${values.at(-1)?.id}`)
      delivery.ack()
    }
  }
  consumers.forEach((_, index) => void consume(index))
  process.stdout.write('open\n')
  for (let id = first; ; id += batch) {
    const values = Array.from({ length: batch }, (_, index) => ({ id: id + index, text: 'x'.repeat(index % 300) }))
    await buffer.push(valueBatch(values), () => say(`pushed ${id + batch - 1}`), never)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const task = process.argv[2]
if (task !== undefined && import.meta.filename === process.argv[1]) await flow(JSON.parse(task) as ChildTask)
