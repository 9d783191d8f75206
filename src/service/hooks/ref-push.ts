import type { Push } from './hook-host.ts'
import { textAt, textsAt } from './payload.ts'

/** A push of one ref, told by `ref`; undefined without it or without a repository. */
export function refPush(payload: unknown, addresses: readonly string[], defaultBranchAt: string): Push | undefined {
  const ref = textAt(payload, 'ref')
  const repositories = textsAt(payload, addresses)
  if (ref === undefined || repositories.length === 0) return undefined
  const defaultBranch = textAt(payload, defaultBranchAt)
  return { repositories, refs: [ref], ...(defaultBranch === undefined ? {} : { defaultBranch }) }
}
