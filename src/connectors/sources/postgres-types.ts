import type { PostgresClient } from '../postgres-client.ts'
import { arrayJson, type ToJson } from './postgres-array.ts'
import { knownType, textType } from './postgres-values.ts'

interface TypeRow {
  readonly kind: string | null
  readonly base: number
  readonly element: number
  readonly isArray: boolean
  readonly delimiter: string
}

/**
 * How values of each type are written as JSON. A domain is written as what it is based on, an array as a list; what is
 * not known, or was dropped meanwhile, is the server's text.
 */
export class TypeCatalog {
  readonly #rows = new Map<number, TypeRow | undefined>()
  readonly #decoders = new Map<number, ToJson>()

  /** Those that have to be asked about before `decoder` knows them. */
  unknown(types: readonly number[]): readonly number[] {
    return [...new Set(types)].filter((type) => knownType(type) === undefined && !this.#rows.has(type))
  }

  /** Asks the server about types, and those they are made of. */
  async learn(types: readonly number[], client: PostgresClient, signal: AbortSignal): Promise<void> {
    for (let wanted = this.unknown(types); wanted.length > 0; ) {
      const { rows } = await client.query(
        `SELECT oid, typtype, typbasetype, typelem, typlen = -1 AND typcategory = 'A', t.typdelim, e.typdelim
         FROM pg_catalog.pg_type t LEFT JOIN LATERAL
           (SELECT typdelim FROM pg_catalog.pg_type WHERE oid = t.typelem) e ON true
         WHERE oid = ANY ($1)`,
        signal,
        { values: [wanted] },
      )
      for (const type of wanted) this.#rows.set(type, undefined)
      for (const [oid, kind, base, element, isArray, own, delimiter] of rows) {
        const parts = { base: Number(base), element: Number(element) }
        const row = { ...parts, kind: kind ?? null, isArray: isArray === 't', delimiter: delimiter ?? own ?? ',' }
        this.#rows.set(Number(oid), row)
      }
      const parts = wanted.flatMap((type) => this.#partsOf(type))
      wanted = this.unknown(parts)
    }
  }

  decoder(type: number): ToJson {
    const known = knownType(type) ?? this.#decoders.get(type)
    if (known !== undefined) return known
    const made = this.#make(type)
    this.#decoders.set(type, made)
    return made
  }

  #partsOf(type: number): readonly number[] {
    const row = this.#rows.get(type)
    if (row?.kind === 'd') return [row.base]
    return row?.isArray === true ? [row.element] : []
  }

  #make(type: number): ToJson {
    const row = this.#rows.get(type)
    if (row?.kind === 'd') return this.decoder(row.base)
    if (row?.isArray !== true) return textType
    const element = this.decoder(row.element)
    return (text) => arrayJson(text, row.delimiter, element) ?? textType(text)
  }
}
