import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { ResourceStatus } from './status.ts'
import { yamlText } from './yaml-text.ts'

/** Every file that the write-back made starts so; files that do not are never removed. */
const HEADER = '# Written by Hermes; changes are overwritten. Condition '

/** What a change of has the file written again: the conditions, not the figures. */
export function conditionHash(status: ResourceStatus): string {
  const { state, reason, message, revision, approval, conditions } = status
  const text = JSON.stringify([state, reason, message, revision, approval, conditions])
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH)
}

/** The file's text: a header with the condition's hash, then the status as YAML. */
export function formatStatusFile(status: ResourceStatus, hash: string): string {
  return `${HEADER}${hash}.\n${yamlText({ ...status })}`
}

const HASH_LENGTH = 16

/** So much of a file's beginning tells whose it is and which condition it shows. */
export const HEADER_BYTES = Buffer.byteLength(HEADER) + HASH_LENGTH

/** The condition's hash at the beginning of a file's text; undefined for a file that the write-back did not make. */
export function hashOfStatusFile(text: string): string | undefined {
  if (!text.startsWith(HEADER)) return undefined
  return text.slice(HEADER.length, HEADER.length + HASH_LENGTH)
}

/** `<dir>/<Kind>/<name>.yaml`; names too long for a file name end in a hash of themselves. */
export function statusPath(dir: string, resource: { readonly kind: string; readonly name: string }): string {
  return join(dir, resource.kind, `${fileName(resource.name)}.yaml`)
}

const LONGEST_NAME = 220

function fileName(name: string): string {
  if (name.length <= LONGEST_NAME) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${name.slice(0, LONGEST_NAME - 17)}-${hash}`
}
