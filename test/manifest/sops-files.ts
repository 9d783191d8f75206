import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { stringify } from 'yaml'

/** A private key, and what is encrypted for it. */
export interface KeyPair {
  readonly identity: string
  readonly recipient: string
}

export async function newKey(): Promise<KeyPair> {
  const identity = await generateX25519Identity()
  return { identity, recipient: await identityToRecipient(identity) }
}

export type Plain = Readonly<Record<string, string | number | boolean>>

export interface SopsOptions {
  readonly recipients: readonly string[]
  /** Left as they are, behind the encrypted ones. */
  readonly unencrypted?: Plain
  readonly macOnlyEncrypted?: boolean
  /** More fields of `sops`, or other ones. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** What `sops encrypt` makes of a flat file, written after the format's description alone; YAML. */
export async function sopsFile(secrets: Plain, options: SopsOptions): Promise<string> {
  return stringify(await sopsDocument(secrets, options), { lineWidth: 0 })
}

/** The same, as data: `sops` comes last. */
export async function sopsDocument(secrets: Plain, options: SopsOptions): Promise<Record<string, unknown>> {
  const { recipients, unencrypted = {}, macOnlyEncrypted = false, metadata = {} } = options
  const key = randomBytes(32)
  const lastmodified = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const covered = createHash('sha512')
  if (macOnlyEncrypted) {
    covered.update(Buffer.from('8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69', 'hex'))
  }
  for (const value of Object.values({ ...secrets, ...(macOnlyEncrypted ? {} : unencrypted) }))
    covered.update(textOf(value))
  const mac = covered.digest('hex').toUpperCase()
  const sealed = Object.entries(secrets).map(([name, value]) => [name, seal(value, key, `${name}:`)])
  const age = recipients.map(async (recipient) => ({ recipient, enc: await encryptFor(recipient, key) }))
  return {
    ...Object.fromEntries(sealed),
    ...unencrypted,
    sops: {
      age: await Promise.all(age),
      lastmodified,
      mac: seal(mac, key, lastmodified),
      ...(macOnlyEncrypted ? { mac_only_encrypted: true } : {}),
      unencrypted_suffix: '_unencrypted',
      version: '3.10.2',
      ...metadata,
    },
  }
}

export async function encryptFor(recipient: string, key: Uint8Array): Promise<string> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  return armor.encode(await encrypter.encrypt(key))
}

function seal(value: Plain[string], key: Uint8Array, context: string): string {
  const iv = randomBytes(32)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(context))
  const data = Buffer.concat([cipher.update(textOf(value)), cipher.final()]).toString('base64')
  const type = { string: 'str', number: Number.isInteger(value) ? 'int' : 'float', boolean: 'bool' }[
    typeof value as 'string'
  ]
  const parts = [`data:${data}`, `iv:${iv.toString('base64')}`, `tag:${cipher.getAuthTag().toString('base64')}`]
  return `ENC[AES256_GCM,${parts.join(',')},type:${type}]`
}

function textOf(value: Plain[string]): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)
}
