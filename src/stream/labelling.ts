import type { Batch, Meta } from './batch.ts'
import { pick, withMetas } from './batches.ts'
import type { Failure, Step } from './step.ts'

/** Reads a text from the messages of a batch, by their index; undefined leaves what is known of one. May throw. */
export type ReadText = (batch: Batch, now: number) => (index: number) => string | undefined

/** What messages are known by. */
export interface Labels {
  readonly key?: ReadText
  readonly id?: ReadText
}

/** The step that gives messages their key and their id; the first of all. A message that cannot be read fails. */
export function labelling(labels: Labels): Step {
  return {
    apply: (batch, now) => {
      const [key, id] = [labels.key?.(batch, now), labels.id?.(batch, now)]
      const kept: number[] = []
      const metas: Meta[] = []
      const failures: Failure[] = []
      for (let index = 0; index < batch.size; index += 1) {
        try {
          metas.push(labelled(batch.meta(index), key?.(index), id?.(index)))
          kept.push(index)
        } catch (error) {
          failures.push({ index, reason: error instanceof Error ? error.message : String(error) })
        }
      }
      return { batch: withMetas(failures.length === 0 ? batch : pick(batch, kept), metas), failures }
    },
  }
}

function labelled(meta: Meta, key: string | undefined, id: string | undefined): Meta {
  return { ...meta, ...(key === undefined ? {} : { key }), ...(id === undefined ? {} : { id }) }
}
