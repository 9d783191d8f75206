import { HermesError } from '../errors.ts'
import { type AgeKeys, parseAgeKeys } from './age-keys.ts'
import type { Problem } from './manifest.ts'
import { type OpenSecretFile, openSecretFile } from './open-secret-file.ts'
import { problemOf, type SecretFault, undecryptable } from './secret-fault.ts'
import type { SecretEntry, SecretFile } from './secret-file.ts'
import type { LocalSecrets, SecretStore } from './secrets.ts'

export interface OriginSecretsOptions {
  /** Those of this machine: they go first, and the private keys are among them. */
  readonly local: LocalSecrets
  /** False for those who only look: without any private key a file is left closed, which is no problem. */
  readonly keysNeeded: boolean
}

/** The secret with the private keys, named as SOPS names it. */
const keysName = 'SOPS_AGE_KEY'

/** That secret as it is written, and the keys in it, or why there are none. */
interface Keys {
  readonly text: string | undefined
  readonly parsed: AgeKeys | string
}

const none: Keys = { text: undefined, parsed: `the secret ${keysName} has no value` }

type Files = ReadonlyMap<SecretFile, OpenSecretFile | SecretFault>

/** Secrets of this machine, then those in the files of an origin, which are in memory alone. */
export class OriginSecrets implements SecretStore {
  readonly #options: OriginSecretsOptions
  readonly #listeners = new Set<(names: ReadonlySet<string>) => void>()
  #files: Files = new Map()
  /** What the files were opened with. */
  #keys: Keys = none
  #adopting: Promise<unknown> = Promise.resolve()

  constructor(options: OriginSecretsOptions) {
    this.#options = options
  }

  /** The value; throws `secret_missing`, or why the file that has the name, or may have it, does not give it. */
  get(name: string): string {
    const { local } = this.#options
    const value = local.find(name) ?? this.#find(name) ?? local.get(name)
    local.remember(value)
    return value
  }

  values(): readonly string[] {
    return this.#options.local.values()
  }

  mask(text: string): string {
    return this.#options.local.mask(text)
  }

  /** Has these files in force, in place of all before; resolves to what keeps them closed. */
  adopt(files: readonly SecretFile[]): Promise<readonly Problem[]> {
    const problems = this.#adopting.then(() => this.#adopt(files))
    this.#adopting = problems.catch(() => undefined)
    return problems
  }

  /** Whether there are files that other private keys might open. */
  get isClosed(): boolean {
    return this.#problems().length > 0
  }

  /** Whether the private keys are others than those that the files were opened with. */
  hasNewKeys(): boolean {
    return this.#options.local.find(keysName) !== this.#keys.text
  }

  /** Calls `listener` with the names whose values came, went or changed, until the returned function is called. */
  onChange(listener: (names: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  async #adopt(files: readonly SecretFile[]): Promise<readonly Problem[]> {
    if (files.length === 0 && this.#files.size === 0) return []
    const keys = await this.#readKeys()
    const before = this.#files
    const opened: Files = keys === this.#keys ? before : new Map()
    const now = await Promise.all(
      files.map(async (each) => [each, opened.get(each) ?? (await openWith(keys.parsed, each))] as const),
    )
    this.#files = new Map(now)
    this.#keys = keys
    const changed = differences(before, this.#files)
    if (changed.size > 0) for (const listener of this.#listeners) listener(changed)
    return keys.text === undefined && !this.#options.keysNeeded ? [] : this.#problems()
  }

  /** Each key is kept from being seen, not only all of them together. */
  async #readKeys(): Promise<Keys> {
    const { local } = this.#options
    const text = local.find(keysName)
    if (text === undefined) return none
    if (text === this.#keys.text) return this.#keys
    const keys = await parseAgeKeys(text)
    if ('wrongLine' in keys) {
      return { text, parsed: `line ${keys.wrongLine} of the secret ${keysName} is no private key of age` }
    }
    for (const key of keys.values()) local.remember(key)
    return { text, parsed: keys }
  }

  #find(name: string): string | undefined {
    const holders = [...this.#files].flatMap(([{ file, entries }, open]) => {
      const entry = entries.get(name)
      return entry === undefined ? [] : [{ file, entry, open }]
    })
    const [holder, other] = holders
    if (holder === undefined) return this.#whereUnknown(name)
    if (other !== undefined) {
      const message = `the secret ${name} is in ${holders.map(({ file }) => file).join(' and ')}`
      throw new HermesError('secret_duplicate', message, { at: holder.entry.at })
    }
    const { entry, open } = holder
    if (entry.fault !== undefined) throw errorOf(name, entry.fault)
    if (typeof open !== 'function') throw errorOf(name, open)
    return open(name)
  }

  /** A file whose names cannot be read may have it. */
  #whereUnknown(name: string): undefined {
    for (const { entries, envelope } of this.#files.keys()) {
      if ('code' in envelope && entries.size === 0) throw errorOf(name, undecryptable(envelope.message, envelope.at))
    }
    return undefined
  }

  /** Of what is wrong with the files themselves the look at their structure told already. */
  #problems(): readonly Problem[] {
    return [...this.#files].flatMap(([{ envelope }, open]) =>
      'code' in envelope || typeof open === 'function' ? [] : [problemOf(open)],
    )
  }
}

function openWith(keys: AgeKeys | string, secrets: SecretFile): Promise<OpenSecretFile | SecretFault> | SecretFault {
  const { file, envelope } = secrets
  if ('code' in envelope) return envelope
  return typeof keys === 'string'
    ? undecryptable(`${file} cannot be decrypted: ${keys}`, envelope.at)
    : openSecretFile(secrets, keys)
}

function errorOf(name: string, { code, message, at }: SecretFault): HermesError {
  return new HermesError(code, `the secret ${name} has no value: ${message}`, { at })
}

function differences(before: Files, after: Files): ReadonlySet<string> {
  const [old, fresh] = [marksOf(before), marksOf(after)]
  return new Set([...old.keys(), ...fresh.keys()].filter((name) => old.get(name) !== fresh.get(name)))
}

/** For each name what tells one value from another: SOPS gives every new value another tag. */
function marksOf(files: Files): ReadonlyMap<string, string> {
  const marks = new Map<string, string>()
  for (const [{ entries }, open] of files) {
    for (const [name, entry] of entries) {
      const mark = typeof open === 'function' ? markOf(entry) : open.message
      marks.set(name, `${marks.get(name) ?? ''}${mark}\n`)
    }
  }
  return marks
}

function markOf({ value, fault }: SecretEntry): string {
  return fault?.message ?? ('tag' in value ? value.tag.toString('base64') : '')
}
