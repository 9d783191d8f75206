import { join } from 'node:path'
import type { WriteResult } from '../service/api.ts'

/** What was written where, a line each. `root` is the manifests directory as the user would write it. */
export function writtenText(results: readonly WriteResult[], root: string): string {
  return results
    .map(({ action, key, file }) => `${action} ${key} ${action === 'deleted' ? 'from' : 'in'} ${join(root, file)}\n`)
    .join('')
}
