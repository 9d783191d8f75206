import { mapStrings } from '../manifest/schema-walk.ts'
import { blank, mayHoldSecret, withoutCredentials } from '../reconcile/blanks.ts'
import { kinds } from './kinds.ts'

const schemas = new Map(kinds.map(({ kind, spec }) => [kind, spec]))

/** What names columns, times and other resources: plans are made from it, and no secret stands there. */
const structural = new Set<unknown>(['connection', 'schedule', 'table'])

/** What a person may write before a secret in a header. */
const scheme = /^\s*(?:basic|bearer|token)?\s*$/i

/**
 * A copy of a spec with whatever may be a secret blanked out, for a document that leaves the house. References such as
 * `${secrets.TOKEN}` stay: they name a secret and tell nothing of it.
 */
export function blankedSpec(kind: string, spec: unknown): unknown {
  const schema = schemas.get(kind)
  if (schema === undefined) return spec
  return mapStrings(spec, schema, (text, { secret }, path) => {
    if (structural.has(path[0])) return text
    return secret || mayHoldSecret(path.join('.')) ? withoutLiterals(text) : withoutCredentials(text)
  })
}

/** `key-${secrets.A}` → `***${secrets.A}` */
function withoutLiterals(text: string): string {
  return text
    .split(/(\$\{[^}]*\})/)
    .map((part) => (part.startsWith('${') || scheme.test(part) ? part : blank))
    .join('')
}
