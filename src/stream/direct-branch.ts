import { HermesError } from '../errors.ts'
import type { Branch } from './pipeline.ts'
import type { Sink } from './sink.ts'

/** Writes each batch as it comes; what the sink throws or refuses ends the pipeline with its error: a fetch begins again. */
export function directBranch(sink: Sink): Branch {
  return {
    deliver: async (deliveries, signal) => {
      for await (const delivery of deliveries) {
        const { batch } = delivery
        const rejections = await sink.write(batch, signal)
        const [first] = rejections
        if (first !== undefined) {
          const count = `${rejections.length} of ${batch.size} messages`
          throw new HermesError('message_rejected', `the sink refused ${count}; the first: ${first.reason}`)
        }
        delivery.ack()
      }
    },
  }
}
