import { createHash, timingSafeEqual } from 'node:crypto'
import { decryptSopsValue, parseSopsValue, type SopsValue } from './sops-value.ts'

/** What a SOPS file says of its own encryption, in its field `sops`. */
export interface SopsEnvelope {
  /** The data key, encrypted for each recipient in age's armor: any one of them will do. */
  readonly keys: readonly { readonly recipient: string; readonly enc: string }[]
  /** The authentication code of all values. */
  readonly mac: SopsValue
  /** As it is written: the authentication code is bound to it. */
  readonly lastModified: string
  /** The authentication code covers encrypted values alone. */
  readonly macOnlyEncrypted: boolean
}

/** Takes the field `sops` apart, or says what is wrong with it: `it has no mac`. */
export function parseEnvelope(field: unknown): SopsEnvelope | string {
  if (!isMapping(field)) return 'its field sops is no mapping'
  const { age, lastmodified, mac_only_encrypted } = field
  if (!Array.isArray(age) || age.length === 0) return notForAge(field)
  const keys = age.flatMap((each: unknown) => keyOf(each) ?? [])
  if (keys.length < age.length) return 'an entry of sops.age lacks recipient or enc'
  const mac = typeof field['mac'] === 'string' ? parseSopsValue(field['mac']) : undefined
  if (mac === undefined) return 'it has no authentication code in sops.mac'
  if (typeof lastmodified !== 'string') return 'it has no time in sops.lastmodified'
  return { keys, mac, lastModified: lastmodified, macOnlyEncrypted: mac_only_encrypted === true }
}

/** Bytes that stand before the values when only encrypted ones are covered. */
const onlyEncrypted = createHash('sha256').update('sops').digest()

/** Whether the values are those that SOPS wrote, in their order. Throws when the code itself cannot be decrypted. */
export function isAuthentic(envelope: SopsEnvelope, key: Uint8Array, values: readonly Uint8Array[]): boolean {
  const hash = createHash('sha512')
  if (envelope.macOnlyEncrypted) hash.update(onlyEncrypted)
  for (const value of values) hash.update(value)
  const actual = Buffer.from(hash.digest('hex').toUpperCase())
  const written = decryptSopsValue(envelope.mac, key, envelope.lastModified)
  return actual.length === written.length && timingSafeEqual(actual, written)
}

const otherKeys = ['pgp', 'kms', 'gcp_kms', 'azure_kv', 'hc_vault', 'key_groups']

function notForAge(field: Fields): string {
  const others = otherKeys.filter((name) => Array.isArray(field[name]) && field[name].length > 0)
  return `it is not encrypted for age${others.length === 0 ? '' : `, but for ${others.join(', ')}`}`
}

function keyOf(entry: unknown): SopsEnvelope['keys'][number] | undefined {
  if (!isMapping(entry)) return undefined
  const { recipient, enc } = entry
  return typeof recipient === 'string' && typeof enc === 'string' ? { recipient, enc } : undefined
}

type Fields = Readonly<Record<string, unknown>>

function isMapping(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
