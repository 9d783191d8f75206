import { HermesError } from '../errors.ts'

/** PostgreSQL cuts longer names off without a word, so neither database is given one. */
export const maxNameBytes = 63

/** A quoted name. Throws `invalid_value` for one that the databases cannot hold. */
export function identifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > maxNameBytes) {
    const fix = `Use 1 to ${maxNameBytes} bytes without a NUL character.`
    throw new HermesError('invalid_value', `${JSON.stringify(name)} cannot be the name of a table or column`, { fix })
  }
  return `"${name.replaceAll('"', '""')}"`
}

/** A quoted string that means the same on both databases. */
export function literal(text: string): string {
  if (text.includes('\0')) throw new HermesError('invalid_value', `${JSON.stringify(text)} has a NUL character in it`)
  return `'${text.replaceAll("'", "''")}'`
}

export function identifiers(names: readonly string[]): string {
  return names.map(identifier).join(', ')
}
