import type { ErrorObject } from 'ajv'
import type { ErrorCode } from '../errors.ts'
import { type Path, pathOfPointer, pathText } from './path.ts'
import { oneOfNames } from './schema-errors.ts'
import { didYouMean } from './suggest.ts'
import { valueMessage } from './value-message.ts'

/** A schema error in plain words; `on` says whether the place is the field's name or its value. */
export interface SchemaProblem {
  readonly code: ErrorCode
  readonly message: string
  readonly path: Path
  readonly on: 'key' | 'value'
  readonly fix?: string
}

/** What a schema error means to the person who wrote the document. */
export function schemaProblem(error: ErrorObject, document: unknown): SchemaProblem {
  const path = pathOfPointer(error.instancePath, document)
  const { additionalProperty, unevaluatedProperty, missingProperty, propertyName } = error.params
  const unknown: unknown = additionalProperty ?? unevaluatedProperty
  if (typeof unknown === 'string') return unknownField(error, [...path, unknown])
  if (typeof missingProperty === 'string') return missingField(error, [...path, missingProperty])
  if (typeof propertyName === 'string') return wrongKey([...path, propertyName])
  const names = oneOfNames(error)
  if (names !== undefined) return oneOf(error.data, path, names)
  if (path[0] === 'metadata' && path[1] === 'name' && error.keyword !== 'type') return invalidName(error, path)
  return { code: 'invalid_value', message: `${pathText(path)} ${valueMessage(error)}`, path, on: 'value' }
}

function unknownField(error: ErrorObject, path: Path): SchemaProblem {
  const properties: unknown = error.parentSchema?.['properties']
  const known = typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
  const word = String(path.at(-1))
  const meant = didYouMean(word, known)
  const fix = meant === '' && known.length > 0 ? { fix: `Remove it; known here are ${list(known, 'and')}.` } : {}
  return { code: 'unknown_field', message: `${pathText(path)} is not known here${meant}`, path, on: 'key', ...fix }
}

function missingField(error: ErrorObject, path: Path): SchemaProblem {
  const { property } = error.params
  const because = typeof property === 'string' ? `, because ${property} is given` : ''
  return { code: 'missing_field', message: `${pathText(path)} is missing${because}`, path, on: 'key' }
}

function wrongKey(path: Path): SchemaProblem {
  return { code: 'invalid_value', message: `${pathText(path)} has a name that is not allowed here`, path, on: 'key' }
}

function oneOf(data: unknown, path: Path, names: readonly string[]): SchemaProblem {
  const given =
    typeof data === 'object' && data !== null ? Object.keys(data).filter((name) => names.includes(name)) : []
  const [, second] = given
  const where = second === undefined ? path : [...path, second]
  const state = second === undefined ? 'none is given' : `${list(given, 'and')} are given`
  const message = `${pathText(path)} needs exactly one of ${list(names, 'or')}; ${state}`
  return { code: 'one_of', message, path: where, on: 'key' }
}

function invalidName(error: ErrorObject, path: Path): SchemaProblem {
  const name = String(error.data)
  const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name)
  const reason =
    error.keyword === 'maxLength' ? `has ${name.length} characters` : 'has characters that names may not have'
  return { code: 'invalid_name', message: `metadata.name ${shown} ${reason}`, path, on: 'value' }
}

/** `a, b or c` */
export function list(words: readonly string[], last: 'and' | 'or'): string {
  const [only = ''] = words
  return words.length < 2 ? only : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}
