import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { HermesError } from '../errors.ts'

/** Where secrets come from. */
export interface SecretStoreOptions {
  /** Searched for `HERMES_SECRET_<NAME>`; an empty value counts as none. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A directory with a file per secret, named as the secret. */
  readonly directory?: string
}

/** Hands secrets out, and keeps what it handed out from being seen. Invariant 9. */
export interface SecretStore {
  /** The value; a file is read again when it changed. Throws `secret_missing` with both places that were looked at. */
  get(name: string): string
  /** Every value handed out so far. */
  values(): readonly string[]
  /** `text` with every value handed out replaced by `***`, as it is or as it stands in a URL or in JSON. */
  mask(text: string): string
}

/** The secrets of this machine, for those who have another place to look as well. */
export interface LocalSecrets extends SecretStore {
  /** The value if there is one. */
  find(name: string): string | undefined
  /** Has a value that came from elsewhere count as handed out. */
  remember(value: string): void
}

/** Whether a secret may be called so. */
export function isSecretName(name: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(name)
}

const maxSecretBytes = 1_000_000
/** Shorter values would tear holes into every text. */
const minMaskedLength = 4

/** Secrets from the environment, then from a directory of files (a mounted Kubernetes Secret, for one). */
export function secretStore({ environment, directory }: SecretStoreOptions): LocalSecrets {
  const files = new Map<string, { readonly signature: string; readonly value: string }>()
  const forms = new Map<string, readonly string[]>()

  const fromFile = (name: string): string | undefined => {
    if (directory === undefined) return undefined
    const path = join(directory, name)
    const signature = signatureOf(path)
    if (signature === undefined) return undefined
    const known = files.get(name)
    if (known?.signature === signature) return known.value
    const value = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    files.set(name, { signature, value })
    return value
  }

  const remember = (value: string): void => {
    if (!forms.has(value)) forms.set(value, formsOf(value))
  }

  const get = (name: string): string => {
    if (!isSecretName(name)) throw missing(name, 'it is not a name of capital letters, digits and _')
    const value = environment[`HERMES_SECRET_${name}`] || readOrExplain(name, directory, fromFile)
    remember(value)
    return value
  }

  const find = (name: string): string | undefined => {
    if (!isSecretName(name)) return undefined
    try {
      const value = environment[`HERMES_SECRET_${name}`] || fromFile(name) || undefined
      if (value !== undefined) remember(value)
      return value
    } catch {
      return undefined
    }
  }

  const mask = (text: string): string => {
    const found = [...forms.values()].flat().filter((form) => text.includes(form))
    return found.toSorted((a, b) => b.length - a.length).reduce((masked, form) => masked.replaceAll(form, '***'), text)
  }

  return { get, find, remember, mask, values: () => [...forms.keys()] }
}

function readOrExplain(
  name: string,
  directory: string | undefined,
  read: (name: string) => string | undefined,
): string {
  const looked = directory === undefined ? 'no secrets directory is set' : `there is no file ${join(directory, name)}`
  let reason = looked
  try {
    const value = read(name)
    if (value !== undefined && value !== '') return value
    if (value === '') reason = `${join(directory ?? '', name)} is empty`
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error'
    reason = `${join(directory ?? '', name)} could not be read (${code})`
  }
  throw missing(name, `HERMES_SECRET_${name} is not set and ${reason}`)
}

function missing(name: string, reason: string): HermesError {
  const fix = `Set HERMES_SECRET_${name}, or put its value into a file ${name} in the secrets directory.`
  return new HermesError('secret_missing', `the secret ${name} has no value: ${reason}`, { fix })
}

function signatureOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > maxSecretBytes) return undefined
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`
}

function formsOf(value: string): readonly string[] {
  if (value.length < minMaskedLength) return []
  return [
    ...new Set([
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      new URLSearchParams({ '': value }).toString().slice(1),
    ]),
  ]
}
