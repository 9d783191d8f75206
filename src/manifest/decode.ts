import type { Problem } from './manifest.ts'
import { problem, startOf } from './problem.ts'

/** A manifest file may have so many bytes; a larger one is reported without being read. */
export const maxFileBytes = 1_000_000

/** The problem of a file of `size` bytes. */
export function fileTooLarge(file: string, size: number): Problem {
  const megabytes = (size / 1_000_000).toFixed(1)
  return problem('file_too_large', `${file} has ${megabytes} MB; manifests may have 1 MB`, startOf(file))
}

/** The text of a file without its byte order mark, or what keeps it from being a manifest. */
export function decodeText(bytes: Uint8Array, file: string): { readonly text: string } | { readonly problem: Problem } {
  if (bytes.length > maxFileBytes) return { problem: fileTooLarge(file, bytes.length) }
  const zero = bytes.indexOf(0)
  if (zero >= 0) return { problem: notText(file, `byte ${zero} is zero`) }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { problem: notText(file, 'it is not valid UTF-8') }
  }
}

function notText(file: string, reason: string): Problem {
  return problem('file_not_text', `${file} is not text: ${reason}`, startOf(file))
}
