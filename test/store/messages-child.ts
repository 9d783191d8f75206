import { openStore } from '../../src/store/open.ts'
import type { MessageTarget } from '../../src/store/workflow-store.ts'
import { valueBatch } from '../../src/stream/batches.ts'

/** What the parent passes: the database, and how many messages come in one batch. */
export interface MessagesTask {
  readonly url: string
  readonly batch: number
}

export const target: MessageTarget = {
  workflow: 'ticks',
  table: 'ticks_raw',
  primaryKey: [],
  columns: [],
  write: 'merge',
  evolve: 'additive',
}

/** Writes messages from its checkpoint on until it is killed, telling each batch. Some of them make the table grow. */
async function writeForEver({ url, batch }: MessagesTask): Promise<void> {
  await using store = await openStore(url)
  await using table = store.messages.open(target)
  const never = new AbortController().signal
  for (let from = Number((await store.checkpoints.read()).get('ticks') ?? 0); ; from += batch) {
    const numbers = Array.from({ length: batch }, (_, index) => from + index)
    const values = numbers.map((n) => ({ n, ...(n % 97 === 0 ? { [`of_${n % 13}`]: n / 2 } : {}) }))
    const ids = numbers.map((n) => ({ id: `ticks/${n}` }))
    const checkpoint = { workflow: 'ticks', position: from + batch }
    await table.write(valueBatch(values, undefined, ids), { checkpoint }, never)
    process.stdout.write('.')
  }
}

const task = process.argv[2]
if (task !== undefined && import.meta.filename === process.argv[1]) {
  await writeForEver(JSON.parse(task) as MessagesTask)
}
