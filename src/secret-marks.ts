import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { toHermesError } from './errors.ts'
import type { SecretStore } from './manifest/secrets.ts'

/** Tells whether secrets have other values than before, in the process before this one too. */
export interface SecretMarks {
  /**
   * The mark of these secrets as they are now, undefined for none: the key's own mark, a dot, and an HMAC-SHA256 (RFC 2104)
   * over names and values, cut to 64 bits.
   */
  of(names: readonly string[]): string | undefined
  /** Whether the mark is of other values. One that was made with another key says nothing. */
  areOthers(mark: string, names: readonly string[]): boolean
}

export interface SecretMarksOptions {
  readonly secrets: Pick<SecretStore, 'get'>
  /**
   * Where the key of the marks is kept, for this user alone and apart from the database that marks are in: without it
   * nothing of a secret can be guessed from them. Made when first needed.
   */
  readonly keyFile: string
}

const KEY_BYTES = 32
const MARK_BYTES = 8
const KEY_MARK_BYTES = 4

/** Where no key can be kept each process has its own, and what changed while none was there is not found. */
export function secretMarks({ secrets, keyFile }: SecretMarksOptions): SecretMarks {
  let key: Buffer | undefined
  const keyed = (text: string, bytes: number): string => {
    key ??= readKey(keyFile) ?? makeKey(keyFile)
    return createHmac('sha256', key).update(text).digest().subarray(0, bytes).toString('base64url')
  }
  const of = (names: readonly string[]): string | undefined => {
    if (names.length === 0) return undefined
    const found = [...new Set(names)].toSorted().map((name) => [name, valueOf(secrets, name)])
    return `${keyed('key', KEY_MARK_BYTES)}.${keyed(JSON.stringify(found), MARK_BYTES)}`
  }
  return {
    of,
    areOthers: (mark, names) => {
      const [sameKey] = mark.split('.')
      return sameKey === keyed('key', KEY_MARK_BYTES) && mark !== of(names)
    },
  }
}

/** That it has none is as much of a value as any other. */
function valueOf(secrets: SecretMarksOptions['secrets'], name: string): readonly string[] {
  try {
    return [secrets.get(name)]
  } catch (error) {
    return ['', toHermesError(error).code]
  }
}

function readKey(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path)
    return key.length === KEY_BYTES ? key : undefined
  } catch {
    return undefined
  }
}

function makeKey(path: string): Buffer {
  const key = randomBytes(KEY_BYTES)
  try {
    mkdirSync(dirname(path), { recursive: true })
    // One that is damaged may be open to others.
    rmSync(path, { force: true })
    writeFileSync(path, key, { mode: 0o600 })
  } catch {}
  return key
}
