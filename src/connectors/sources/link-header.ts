const entry = /<([^>]*)>((?:\s*;\s*[^;,="]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^",;]*))?)*)/g
const relation = /;\s*rel\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+))/i

/** The target of `rel="next"` in a Link header (RFC 8288). */
export function nextLink(header: string | readonly string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ')
  for (const [, target, parameters = ''] of text.matchAll(entry)) {
    const [, quoted, bare] = relation.exec(parameters) ?? []
    const relations = (quoted ?? bare ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return target
  }
  return undefined
}
