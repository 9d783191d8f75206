import { readFile } from 'node:fs/promises'
import { HermesError } from '../../errors.ts'
import { FieldFault } from './field-fault.ts'
import type { SchemaFault } from './validator.ts'

/** Where a schema stands: in the config itself, or in a file. */
export interface SchemaPlace {
  readonly schema?: unknown
  readonly file?: string
}

/** The schema's text or inline value. Throws `file_unreadable`. */
export async function schemaOf({ schema, file }: SchemaPlace): Promise<unknown> {
  if (file === undefined) return schema
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new HermesError('file_unreadable', `the schema cannot be read: ${message}`, { cause: error })
  }
}

/** A schema in JSON: parsed where it is text that writes an object or a list. Throws SyntaxError. */
export function jsonOf(schema: unknown): unknown {
  return typeof schema === 'string' && /^\s*[[{"]/.test(schema) ? JSON.parse(schema) : schema
}

/** Runs `load`; what it throws becomes faults of the schema. */
export async function faultsOf(place: SchemaPlace, load: () => Promise<unknown>): Promise<readonly SchemaFault[]> {
  try {
    await load()
    return []
  } catch (error) {
    const field = isMessageFault(error) ? 'message' : place.file === undefined ? 'schema' : 'file'
    const path = error instanceof FieldFault && error.path.length > 0 ? { path: error.path } : {}
    return [{ field, ...path, message: error instanceof Error ? error.message : String(error) }]
  }
}

/** A schema that is well by itself, but has no message of the name that the config asks for. */
export class UnknownMessage extends Error {}

function isMessageFault(error: unknown): boolean {
  return error instanceof UnknownMessage
}

/** Runs `load` as `open` does: what is wrong with the schema is `invalid_value`. */
export async function opened<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (error instanceof HermesError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new HermesError('invalid_value', `the schema cannot be used: ${message}`, { cause: error })
  }
}
