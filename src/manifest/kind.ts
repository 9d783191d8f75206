import type { Manifest, Problem } from './manifest.ts'
import type { Scope } from './scope.ts'

/** A JSON Schema, 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * What the manifest room has to know of a kind. Besides JSON Schema's own keywords, `spec` may use
 * `format: duration` · `x-template: true` (strings here may hold `${…}`) · `x-secret: true` (and `${secrets.NAME}` too) ·
 * `x-message-template: true` (strings here may hold `${…}` over each message) · `x-expression: true` (the string is bare CEL) · `x-path: true` (a path from the manifests directory) · `x-one-of: [names]` (exactly one
 * of these fields) · `x-pattern-hint: text` (what `pattern` wants, in words).
 * `x-secret-only: PATTERN` (a text that matches must read a secret) · `x-secret-fields: PATTERN` (the same for fields with
 * such names, in upper or lower case, that `properties` does not list).
 * `x-verbatim: true` (strings here are data, and `${` in them means nothing).
 * `x-template`, `x-secret` and `x-verbatim` on an object or a list hold for every string below it.
 */
export interface KindDefinition<Spec = unknown> {
  /** `SourceDefinition` */
  readonly kind: string
  /** `sourcedefinitions` */
  readonly plural: string
  readonly summary: string
  /** The schema of `spec`; its `$defs` are reachable as `#/$defs/…`. */
  readonly spec: JsonSchema
  /**
   * The variables that expressions in this spec may use; none when absent. It is also asked about a spec that did not
   * pass its schema, so that all problems are reported at once: it must not trust the shape of what it gets.
   */
  scope?(spec: unknown): Scope
  /** What a schema cannot say. Called only for a manifest without other problems; places come from `manifest.locate`. */
  check?(manifest: Manifest<Spec>): readonly Problem[]
  /** What a person should know of a manifest in which nothing is wrong. */
  warnings?(manifest: Manifest<Spec>): readonly Problem[]
}

/** `SourceDefinition` → `source-definition`: file names of schemas and of manifests that Hermes writes. */
export function kebabOf(kind: string): string {
  return kind.replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase()
}
