import { type AgeKeys, decryptWithAge } from './age-keys.ts'
import { type SecretFault, undecryptable } from './secret-fault.ts'
import type { PlacedEnvelope, SecretFile } from './secret-file.ts'
import { isAuthentic } from './sops-envelope.ts'
import { decryptSopsValue, type SopsValue } from './sops-value.ts'

/** Gives the value of an entry that has no fault, decrypted when it is asked for. */
export type OpenSecretFile = (name: string) => string

const dataKeyBytes = 32

/** Opens a file and checks that SOPS wrote its values, and all of them; or tells why it does not open. Never rejects. */
export async function openSecretFile(secrets: SecretFile, keys: AgeKeys): Promise<OpenSecretFile | SecretFault> {
  const { file, envelope } = secrets
  if ('code' in envelope) return envelope
  const key = await dataKeyOf(envelope, file, keys)
  if ('code' in key) return key
  return forgeryIn(secrets, envelope, key) ?? reader(secrets, key)
}

async function dataKeyOf({ keys, at }: PlacedEnvelope, file: string, own: AgeKeys): Promise<Uint8Array | SecretFault> {
  let damage: string | undefined
  for (const { recipient, enc } of keys) {
    const privateKey = own.get(recipient)
    if (privateKey === undefined) continue
    try {
      const key = await decryptWithAge(enc, privateKey)
      if (key.length === dataKeyBytes) return key
      damage = `it has ${key.length} bytes`
    } catch (error) {
      damage = error instanceof Error ? error.message : String(error)
    }
  }
  if (damage !== undefined) return undecryptable(`the data key in ${file} is damaged: ${damage}`, at)
  const recipients = keys.map(({ recipient }) => recipient)
  const shown = recipients.length > 3 ? [...recipients.slice(0, 3), `${recipients.length - 3} more`] : recipients
  return undecryptable(`${file} is encrypted for ${shown.join(', ')}, and no key in SOPS_AGE_KEY is of these`, at)
}

/** What was changed by anybody but SOPS. */
function forgeryIn(secrets: SecretFile, envelope: PlacedEnvelope, key: Uint8Array): SecretFault | undefined {
  const { file, entries } = secrets
  const covered: Uint8Array[] = []
  for (const [name, { value, at }] of entries) {
    const plain = isPlain(value) ? value : decrypted(value, key, name)
    if (plain === undefined) return undecryptable(`${name} in ${file} was changed without SOPS`, at)
    if (!isPlain(value) || !envelope.macOnlyEncrypted) covered.push(plain)
  }
  const what = 'its authentication code does not fit its values'
  return isFitting(envelope, key, covered)
    ? undefined
    : undecryptable(`${file} was changed without SOPS: ${what}`, envelope.macAt)
}

function isFitting(envelope: PlacedEnvelope, key: Uint8Array, values: readonly Uint8Array[]): boolean {
  try {
    return isAuthentic(envelope, key, values)
  } catch {
    return false
  }
}

function decrypted(value: SopsValue, key: Uint8Array, name: string): Buffer | undefined {
  try {
    return decryptSopsValue(value, key, `${name}:`)
  } catch {
    return undefined
  }
}

function reader({ entries }: SecretFile, key: Uint8Array): OpenSecretFile {
  const known = new Map<string, string>()
  return (name) => {
    const value = entries.get(name)?.value
    if (value === undefined || isPlain(value)) throw new Error(`${name} is not encrypted here`)
    const text = known.get(name) ?? decryptSopsValue(value, key, `${name}:`).toString()
    known.set(name, text)
    return text
  }
}

function isPlain(value: SopsValue | Uint8Array): value is Uint8Array {
  return value instanceof Uint8Array
}
