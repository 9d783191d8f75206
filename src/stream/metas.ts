import { type Meta, noMeta } from './batch.ts'

/** What is known of each message: a list, or a function that is asked only when somebody wants to know. */
export type Metas = readonly Meta[] | ((index: number) => Meta)

/** What `metas` say of the message at `index`. */
export function metaIn(metas: Metas | undefined, index: number): Meta {
  if (metas === undefined) return noMeta
  return typeof metas === 'function' ? metas(index) : (metas[index] ?? noMeta)
}
