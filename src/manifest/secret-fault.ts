import type { ErrorCode, Location } from '../errors.ts'
import type { Problem } from './manifest.ts'
import { problem } from './problem.ts'

/** Why a secret, or a whole file of them, cannot be used. The message names the file, and never shows a value. */
export interface SecretFault {
  readonly code: ErrorCode
  readonly message: string
  readonly at: Location
}

/** The problem of a fault; `name` is the secret's when it concerns one alone. */
export function problemOf({ code, message, at }: SecretFault, name?: string): Problem {
  return problem(code, message, at, name === undefined ? {} : { path: name })
}

/** What is not as a file of secrets has to be. */
export function invalid(message: string, at: Location): SecretFault {
  return { code: 'secret_file_invalid', message, at }
}

/** A value, or a whole file, that everybody can read. */
export function notEncrypted(what: string, at: Location): SecretFault {
  return { code: 'secret_unencrypted', message: `${what} is not encrypted`, at }
}

/** What no key at hand decrypts. */
export function undecryptable(message: string, at: Location): SecretFault {
  return { code: 'secret_undecryptable', message, at }
}
