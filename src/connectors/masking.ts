/** Takes secrets out of a text that people will see. */
export type Mask = (text: string) => string

const special = /[\\^$.*+?()[\]{}|/-]/g

/** Replaces each secret, as it stands and as URLs, forms and JSON write it, by `***`. */
export function maskOf(secrets: Iterable<string>): Mask {
  const forms = new Set(
    [...secrets].filter((secret) => secret !== '').flatMap((secret) => spellings(secret.toWellFormed())),
  )
  if (forms.size === 0) return (text) => text
  const longestFirst = [...forms].toSorted((a, b) => b.length - a.length)
  const pattern = new RegExp(longestFirst.map((form) => form.replaceAll(special, '\\$&')).join('|'), 'gi')
  return (text) => text.replaceAll(pattern, '***')
}

function spellings(secret: string): string[] {
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1)
  const inJson = JSON.stringify(secret).slice(1, -1)
  return [secret, encodeURI(secret), encodeURIComponent(secret), inForm, inJson]
}

const harmless = /^(accept(-.*)?|content-type|user-agent|cache-control|prefer)$/i
const SHORTEST_SECRET = 6

/** Header values that may be secrets. */
export function headerSecrets(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (harmless.test(name) || value.length < SHORTEST_SECRET) return []
    return [value, value.replace(/^\w+ /, '')]
  })
}

/** The beginning of a text as one line, secrets taken out before it is cut. */
export function excerptOf(body: Uint8Array, length: number, mask: Mask): string {
  const text = new TextDecoder().decode(body.subarray(0, EXCERPT_WINDOW))
  const line = mask(text)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return line.length > length ? `${line.slice(0, length)}…` : line
}

const EXCERPT_WINDOW = 65_536
