import { join } from 'node:path'
import type { WriteResult } from '../service/api.ts'

/** What was written where, a line each. `root` is the manifests directory as the user would write it. */
export function writtenText(results: readonly WriteResult[], root: string): string {
  return results
    .map(
      ({ action, key, file, root: own = root }) =>
        `${action} ${key} ${action === 'deleted' ? 'from' : 'in'} ${join(own, file)}\n`,
    )
    .join('')
}
