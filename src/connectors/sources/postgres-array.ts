/** JSON text of a value as the server writes it. */
export type ToJson = (text: string) => string

/** What nests deeper than the server allows is no array of its. */
const MOST_LEVELS = 6

/** JSON text of an array as the server writes it, `{1,NULL,"a b"}`; undefined for what is none. */
export function arrayJson(text: string, delimiter: string, element: ToJson): string | undefined {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const reader = new ArrayReader(text, delimiter, element)
  return reader.whole(start)
}

class ArrayReader {
  readonly #text: string
  readonly #delimiter: string
  readonly #element: ToJson
  #at = 0

  constructor(text: string, delimiter: string, element: ToJson) {
    this.#text = text
    this.#delimiter = delimiter
    this.#element = element
  }

  whole(start: number): string | undefined {
    this.#at = start
    const json = this.#array(1)
    return this.#at === this.#text.length ? json : undefined
  }

  #array(level: number): string | undefined {
    if (this.#text[this.#at] !== '{' || level > MOST_LEVELS) return undefined
    this.#at += 1
    const parts: string[] = []
    if (this.#text[this.#at] === '}') {
      this.#at += 1
      return '[]'
    }
    for (;;) {
      const part = this.#text[this.#at] === '{' ? this.#array(level + 1) : this.#item()
      if (part === undefined) return undefined
      parts.push(part)
      const next = this.#text[this.#at]
      this.#at += 1
      if (next === '}') return `[${parts.join(',')}]`
      if (next !== this.#delimiter) return undefined
    }
  }

  #item(): string | undefined {
    if (this.#text[this.#at] === '"') return this.#quoted()
    const start = this.#at
    while (this.#at < this.#text.length && !this.#ends(this.#text[this.#at])) this.#at += 1
    const item = this.#text.slice(start, this.#at)
    if (item === '') return undefined
    return item.toUpperCase() === 'NULL' ? 'null' : this.#element(item)
  }

  #ends(char: string | undefined): boolean {
    return char === this.#delimiter || char === '}'
  }

  #quoted(): string | undefined {
    const start = this.#at + 1
    let end = start
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    if (end >= this.#text.length) return undefined
    this.#at = end + 1
    return this.#element(this.#text.slice(start, end).replaceAll(/\\(.)/gs, '$1'))
  }
}
