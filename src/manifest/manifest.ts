import type { Location } from '../errors.ts'

/** One validated YAML document: what the user wrote, and where. */
export interface Manifest<Spec = unknown> {
  readonly key: Key
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: Spec
  /** The document's place; `file` is relative to the origin's root, with forward slashes. */
  readonly at: Location
  /** The place of each field by dotted path (`spec.table.columns.close`), for reasons and errors. Computed when asked. */
  locate(path: string): Location
  /** sha256 of kind, name and spec in canonical form: the same content has the same hash wherever it stands. */
  readonly hash: string
  /** The document as written; absent for what nobody wrote. */
  readonly text?: string
  /** Set when the document declares a resource for each element of a list, of which this is one. */
  readonly generated?: Generated
}

/** Where a generated resource comes from. */
export interface Generated {
  /** The document that declares it: `SourceDefinition/quotes`. No resource need have this key. */
  readonly by: Key
  /** The element it was made for, in words: `AAPL`. */
  readonly element: string
  /** Where that element is written. */
  readonly at: Location
  /** The file that the list stands in, when it is not the manifest's own. */
  readonly list?: string
}

/** Something wrong in a file, with the place and what to do about it. */
export interface Problem {
  /** An error code of `errors.ts`. */
  readonly code: string
  readonly message: string
  readonly at: Location
  /** Dotted path of the field within its document, `spec.table.columns.price`; absent for a whole file. */
  readonly path?: string
  /** What to do, in one sentence. */
  readonly fix: string
  /** The manifest file that has the problem, when `at` is in a list that it names. */
  readonly manifest?: string
}

/** `Kind/name`, the key of a resource everywhere. */
export type Key = string

export function keyOf(resource: { readonly kind: string; readonly name: string }): Key {
  return `${resource.kind}/${resource.name}`
}
