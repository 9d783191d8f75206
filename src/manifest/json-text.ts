import { parseDocuments } from './documents.ts'
import { valueOf } from './yaml-value.ts'

/** The first document of a YAML text as indented JSON. The text is known to be valid. */
export function jsonOf(text: string): string {
  const [first] = parseDocuments(text, '').documents
  const value = first === undefined ? null : valueOf(first.document).value
  return `${JSON.stringify(value, null, 2)}\n`
}
