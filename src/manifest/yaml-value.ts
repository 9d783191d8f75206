import { type Document, isAlias, isMap, isScalar, isSeq, type Scalar, type YAMLMap } from 'yaml'
import type { ErrorCode } from '../errors.ts'
import { isRawNumber, parseLossless } from '../lossless-json.ts'
import { sharedText } from '../shared-text.ts'
import { type Path, pathText } from './path.ts'
import { nameOf } from './yaml-place.ts'

/** Something wrong in the YAML itself, at an offset of the text. */
export interface YamlFault {
  readonly code: ErrorCode
  readonly message: string
  readonly offset: number
  readonly path?: Path
}

/** How scalars are read; as usual where it says nothing. */
export interface ScalarReading {
  /** Numbers and booleans here become the text that they are written with. */
  readonly isVerbatim?: (path: Path) => boolean
  /** A number that a double does not hold becomes a `RawNumber` instead of a fault. */
  readonly keepsDigits?: boolean
}

/** Nodes that a document may have with its aliases written out. */
const maxNodes = 200_000
const maxDepth = 100

/**
 * The plain data of a document. Aliases are written out, so that no two places share an object; duplicate keys,
 * unknown aliases, cycles and numbers that would lose digits are reported.
 */
export function valueOf(
  document: Document,
  scalars: ScalarReading = {},
): { readonly value: unknown; readonly faults: readonly YamlFault[] } {
  const reader = new ValueReader(scalars)
  const value = reader.read(document.contents, [])
  return { value, faults: reader.faults }
}

const shared = sharedText()
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

class ValueReader {
  readonly faults: YamlFault[] = []
  readonly #scalars: ScalarReading
  readonly #anchors = new Map<string, unknown>()
  readonly #open = new Set<unknown>()
  #nodes = 0
  #isOver = false

  constructor(scalars: ScalarReading) {
    this.#scalars = scalars
  }

  read(node: unknown, path: Path): unknown {
    if (this.#isOver) return undefined
    if (++this.#nodes > maxNodes) return this.#stop(node, 'yaml_alias_bomb', `more than ${maxNodes} values`)
    if (path.length > maxDepth) return this.#stop(node, 'yaml_syntax', `more than ${maxDepth} levels deep`)
    if (isAlias(node)) return this.#readAlias(node, path)
    if (isScalar(node)) return this.#readScalar(node, path)
    if (!isMap(node) && !isSeq(node)) return null
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node)
    this.#open.add(node)
    const value = isMap(node) ? this.#readMap(node, path) : node.items.map((item, i) => this.read(item, [...path, i]))
    this.#open.delete(node)
    return value
  }

  #readMap(map: YAMLMap, path: Path): unknown {
    const value: Record<string, unknown> = {}
    for (const pair of map.items) {
      const name = nameOf(pair)
      if (name === undefined) this.#report('yaml_syntax', 'a key must be plain text', pair.key, path)
      else if (Object.hasOwn(value, name))
        this.#report('yaml_duplicate_key', `${pathText([...path, name])} stands twice`, pair.key, [...path, name])
      else setOwn(value, name, this.read(pair.value, [...path, name]))
    }
    return value
  }

  #readScalar(scalar: Scalar, path: Path): unknown {
    if (scalar.anchor !== undefined) this.#anchors.set(scalar.anchor, scalar)
    const { value, source } = scalar
    const { isVerbatim, keepsDigits = false } = this.#scalars
    if ((typeof value === 'number' || typeof value === 'boolean') && isVerbatim?.(path)) return source ?? `${value}`
    if (typeof value === 'number' && keepsDigits) return this.#exact(scalar, value, path)
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      const message = `${pathText(path)}: ${source ?? value} is too large to be kept exactly; put it in quotes`
      this.#report('invalid_value', message, scalar, path)
    }
    return typeof value === 'string' ? shared(value) : value
  }

  /** What JSON has no notation for, such as `.inf` and `0x1F`, is what YAML makes of it, as far as it is a number there. */
  #exact(scalar: Scalar, value: number, path: Path): unknown {
    const source = scalar.source ?? String(value)
    const exact = jsonNumber.test(source) ? parseLossless(source) : value
    if (isRawNumber(exact) || Number.isFinite(value)) return exact
    return this.#report('invalid_value', `${pathText(path)}: ${source} is no number in JSON`, scalar, path)
  }

  #readAlias(alias: { readonly source: string }, path: Path): unknown {
    const node = this.#anchors.get(alias.source)
    if (node === undefined)
      return this.#report('yaml_syntax', `no anchor &${alias.source} stands before its alias`, alias, path)
    if (this.#open.has(node)) return this.#stop(alias, 'yaml_alias_bomb', 'an alias that contains itself')
    return this.read(node, path)
  }

  #stop(node: unknown, code: ErrorCode, what: string): undefined {
    this.#isOver = true
    return this.#report(code, `the document has ${what}`, node)
  }

  #report(code: ErrorCode, message: string, node: unknown, path?: Path): undefined {
    this.faults.push({ code, message, offset: offsetOf(node), ...(path === undefined ? {} : { path }) })
  }
}

/** Sets a field of its own even when it is called `__proto__`. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0
}
