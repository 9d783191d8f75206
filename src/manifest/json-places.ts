/** Strings as a whole, or one character that begins or ends something. */
const tokens = /"(?:[^"\\]|\\.)*"|[[\]{},\n]|[^\s"[\]{},]+/g

/** Where each element of a list begins, line and column from 1; `text` is one list in valid JSON. */
export function jsonElementPlaces(text: string): readonly { readonly line: number; readonly column: number }[] {
  const places: { line: number; column: number }[] = []
  let depth = 0
  let line = 1
  let lineStart = 0
  let isExpected = false
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token === '\n') {
      line += 1
      lineStart = index + 1
      continue
    }
    if (isExpected && token !== ']') places.push({ line, column: index - lineStart + 1 })
    if (token === '[' || token === '{') depth += 1
    if (token === ']' || token === '}') depth -= 1
    isExpected = depth === 1 && (token === ',' || (token === '[' && places.length === 0))
  }
  return places
}
