import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { HookHeaders } from './hook-host.ts'

/** The first value of a header; empty when it is absent. */
export function header(headers: HookHeaders, name: string): string {
  const value = headers[name]
  return (typeof value === 'string' ? value : value?.[0]) ?? ''
}

/** Whether the text is the expected one. What differs, and where, cannot be told from the time it takes. */
export function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected))
}

/** The HMAC-SHA256 of a content. */
export function hmac(key: string | Uint8Array, content: string | Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHmac('sha256', key).update(content).digest(encoding)
}

/** Digests have one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
