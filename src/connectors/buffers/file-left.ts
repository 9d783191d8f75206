import type { BufferPlace } from '../../stream/buffer.ts'
import { readCursors } from './file-cursors.ts'
import { inspectBuffer } from './file-inspect.ts'

/**
 * Logs what a buffer in files left in a directory, for one that does not deliver it: it stays there until one does, or
 * the workflow is removed.
 */
export async function tellWhatIsLeft({ dir, log }: BufferPlace): Promise<void> {
  if ((await readCursors(dir).catch(() => undefined)) === undefined) return
  const report = await inspectBuffer(dir).catch(() => undefined)
  if (report === undefined) return
  const { consumers, areConsumersLost, messages } = report
  const left = areConsumersLost ? messages : Math.max(0, ...consumers.map((consumer) => consumer.messages))
  if (left > 0) log.warn({ dir, messages: left }, 'What a former buffer left in files is not delivered by this one')
}
