import { posix } from 'node:path'
import type { JsonSchema, KindDefinition } from './kind.ts'
import { loneField, maxElements } from './list.ts'

/** What files of lists end with. */
const listFilePattern = /\.(csv|json|ya?ml)$/

const text = { type: ['string', 'number', 'boolean'] } as const
const fieldName = { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' } as const

/** The schema of `spec.forEach`. A kind with such a field declares one resource for each element of the list. */
export const forEachSchema = {
  type: 'object',
  description:
    'Makes a resource of each element of one list: `symbol: [AAPL, MSFT]`, `items` or `from`. `${each.symbol}` may ' +
    'stand in every text of the spec.',
  properties: {
    items: {
      type: 'array',
      maxItems: maxElements,
      description: 'Elements with several fields: `[{ symbol: AAPL, id: 1 }]`. All have the same ones.',
      items: {
        anyOf: [text, { type: 'object', minProperties: 1, propertyNames: fieldName, additionalProperties: text }],
      },
    },
    from: {
      type: 'string',
      minLength: 1,
      description: 'A file beside the manifest with the list: .csv with a header, .json or .yaml.',
    },
    name: {
      type: 'string',
      minLength: 1,
      description:
        'Names of the resources, `quotes-${each.symbol}`. Left out: the name of the manifest and the first field.',
    },
  },
  propertyNames: fieldName,
  additionalProperties: { type: 'array', maxItems: maxElements, items: text },
} as const satisfies JsonSchema

/** Where a definition's list stands. */
export type ListSource = { readonly field: string; readonly lone: string } | { readonly file: string }

/** What is wrong with a clause, at a path below `spec.forEach`. */
export interface ClauseFault {
  readonly code: 'one_of' | 'invalid_value'
  readonly message: string
  readonly path: readonly string[]
  readonly fix?: string
}

/** Whether documents of a kind may declare many resources. */
export function mayGenerate({ spec }: KindDefinition): boolean {
  const properties = spec['properties']
  return typeof properties === 'object' && properties !== null && Object.hasOwn(properties, 'forEach')
}

/** Where the list of a clause stands: in one of its fields, or in a file with this name from the origin's root. */
export function listSource(clause: Readonly<Record<string, unknown>>, manifest: string): ListSource | ClauseFault {
  const [field, second] = Object.keys(clause).filter((name) => name !== 'name')
  if (field === undefined) return { ...oneList, message: `${oneList.message}; none is given`, path: [] }
  if (second !== undefined) {
    return { ...oneList, message: `${oneList.message}; ${field} and ${second} are given`, path: [second] }
  }
  const { from } = clause
  if (field === 'from') return fileOf(typeof from === 'string' ? from : '', manifest)
  return { field, lone: field === 'items' ? loneField : field }
}

const oneList = {
  code: 'one_of',
  message: 'spec.forEach needs exactly one list',
  fix: 'Write one list; elements with several fields as items: [{ symbol: AAPL, id: 1 }].',
} as const

function fileOf(from: string, manifest: string): ListSource | ClauseFault {
  const file = posix.normalize(posix.join(posix.dirname(manifest), from))
  const reason = refusal(from, file)
  if (reason === undefined) return { file }
  return { code: 'invalid_value', message: `spec.forEach.from ${reason}, not ${JSON.stringify(from)}`, path: ['from'] }
}

function refusal(from: string, file: string): string | undefined {
  if (/[\\\p{Cc}]/u.test(from) || posix.isAbsolute(from) || /^[A-Za-z]:/.test(from)) {
    return 'must be a path from this manifest, with forward slashes'
  }
  if (file.startsWith('../')) return 'must name a file below the manifests directory'
  if (file.split('/').some((part) => part.startsWith('.'))) return 'must name a file that is not hidden'
  return listFilePattern.test(file) ? undefined : 'must name a .csv, .json or .yaml file'
}
