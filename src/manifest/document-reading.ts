import type { Location } from '../errors.ts'
import type { FileDocument } from './documents.ts'
import type { Manifest, Problem } from './manifest.ts'
import { type DocumentStretch, parsedManifest } from './parsed-manifest.ts'
import { problem } from './problem.ts'
import { type Finding, findingPath, type ValidDocument } from './validate.ts'
import { placeOf } from './yaml-place.ts'

/** A document on its way to manifests, and the problems that were found in it so far. */
export interface DocumentReading extends FileDocument {
  readonly file: string
  readonly text: string
  readonly problems: Problem[]
  readonly locate: (offset: number) => Location
}

/** A finding with its place in the file. */
export function findingProblem(finding: Finding, { document, text, locate }: DocumentReading): Problem {
  const place = placeOf(document, finding.path)
  const value = text.slice(place.value, place.end)
  const inside = finding.offset === undefined ? 0 : offsetInside(value, finding.offset)
  const at = locate(finding.on === 'key' ? place.key : place.value + inside)
  const path = findingPath(finding)
  const { code, message, fix } = finding
  return problem(code, message, at, { ...(path === undefined ? {} : { path }), ...(fix === undefined ? {} : { fix }) })
}

export function stretchOf({ document, text, start, end, locate }: DocumentReading): DocumentStretch {
  return { text: text.slice(start, end), firstLine: locate(start).line, at: locate(placeOf(document, []).value) }
}

/** The manifest of a document without findings. */
export function manifestOf(document: ValidDocument, reading: DocumentReading): Manifest {
  return parsedManifest(document, stretchOf(reading))
}

/** Where the character `offset` of a scalar stands in its source; its start when the source is not one plain line. */
function offsetInside(source: string, offset: number): number {
  const isPlain = !/[\n\\]|''/.test(source) && !/^[|>&!]/.test(source)
  return isPlain ? offset + (/^["']/.test(source) ? 1 : 0) : 0
}
