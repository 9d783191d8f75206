import { createDecipheriv } from 'node:crypto'

/** A value as SOPS writes it, taken apart: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`. */
export interface SopsValue {
  readonly data: Buffer
  readonly iv: Buffer
  readonly tag: Buffer
  /** What it was before: `str`, `int`, `float`, `bool`, `bytes`. */
  readonly type: string
}

const base64 = '([A-Za-z0-9+/]+={0,2})'
const pattern = new RegExp(`^ENC\\[AES256_GCM,data:${base64},iv:${base64},tag:${base64},type:([a-z0-9]+)\\]$`)
const ivBytes = 32
const tagBytes = 16

/** Undefined for a text that SOPS did not write. */
export function parseSopsValue(text: string): SopsValue | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [data, iv, tag] = match.slice(1, 4).map((part) => Buffer.from(part, 'base64'))
  if (data === undefined || iv?.length !== ivBytes || tag?.length !== tagBytes) return undefined
  return { data, iv, tag, type: match[4] ?? '' }
}

/**
 * The plain bytes; `context` is what the value was bound to when it was encrypted. Throws when key, context and value do
 * not belong together.
 */
export function decryptSopsValue({ data, iv, tag }: SopsValue, key: Uint8Array, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
  return Buffer.concat([decipher.update(data), decipher.final()])
}
