import type { Location } from '../errors.ts'
import { parseDocuments } from './documents.ts'
import { canonicalHash } from './hash.ts'
import type { Manifest } from './manifest.ts'
import { parsePath } from './path.ts'
import type { ValidDocument } from './validate.ts'
import { placeOf } from './yaml-place.ts'

const none: Readonly<Record<string, string>> = Object.freeze({})

/**
 * A manifest that keeps its text, not its syntax tree: ten thousand of them have to fit into memory, and few are ever
 * asked for a place. `text` is the document's own stretch of the file, which begins at line `firstLine`.
 */
export function parsedManifest(document: ValidDocument, text: string, firstLine: number, at: Location): Manifest {
  const { kind, metadata, spec } = document
  const { name, labels = none, annotations = none } = metadata
  const hash = canonicalHash({ kind, name, spec })
  const locate = (path: string): Location => locateIn(text, path, { ...at, line: firstLine })
  return { kind, name, labels, annotations, spec, at, locate, hash, text }
}

function locateIn(text: string, path: string, first: Location): Location {
  const { documents, locate } = parseDocuments(text, first.file)
  const [only] = documents
  if (only === undefined) return first
  const { line, column } = locate(placeOf(only.document, parsePath(path)).key)
  return { file: first.file, line: line + first.line - 1, column }
}
