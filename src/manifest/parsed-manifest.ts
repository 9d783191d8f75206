import type { Location } from '../errors.ts'
import { parseDocuments } from './documents.ts'
import { canonicalHash } from './hash.ts'
import { type Generated, keyOf, type Manifest } from './manifest.ts'
import { parsePath } from './path.ts'
import type { ValidDocument } from './validate.ts'
import { placeOf } from './yaml-place.ts'

const none: Readonly<Record<string, string>> = Object.freeze({})

/** A document's own stretch of its file, which begins at line `firstLine`, and where its content begins. */
export interface DocumentStretch {
  readonly text: string
  readonly firstLine: number
  readonly at: Location
}

/**
 * A manifest that keeps its text, not its syntax tree: ten thousand of them have to fit into memory, and few are ever
 * asked for a place.
 */
export function parsedManifest(document: ValidDocument, stretch: DocumentStretch, generated?: Generated): Manifest {
  const { kind, metadata, spec } = document
  const { name, labels = none, annotations = none } = metadata
  const { text, firstLine, at } = stretch
  const hash = canonicalHash({ kind, name, spec })
  const locate = (path: string): Location => locateIn(text, path, { ...at, line: firstLine })
  const manifest = { key: keyOf({ kind, name }), kind, name, labels, annotations, spec, at, locate, hash, text }
  return generated === undefined ? manifest : { ...manifest, generated }
}

/** Who asks for one place of a document often asks for many. */
let lastParsed: WeakRef<{ readonly text: string; readonly documents: ReturnType<typeof parseDocuments> }> | undefined

function parsed(text: string, file: string): ReturnType<typeof parseDocuments> {
  const known = lastParsed?.deref()
  if (known?.text === text) return known.documents
  const documents = parseDocuments(text, file)
  lastParsed = new WeakRef({ text, documents })
  return documents
}

function locateIn(text: string, path: string, first: Location): Location {
  const { documents, locate } = parsed(text, first.file)
  const [only] = documents
  if (only === undefined) return first
  const { line, column } = locate(placeOf(only.document, parsePath(path)).key)
  return { file: first.file, line: line + first.line - 1, column }
}
