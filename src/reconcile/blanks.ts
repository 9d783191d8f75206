/** Stands where something is not shown. */
export const blank = '***'

const secretName = /^(?:auth\w*|headers?|cookies?|(?!primary).*key|.*(?:secret|passw|passphrase|token|credential).*)$/i

/** Whether a field of this path may hold a secret: its value is never printed. */
export function mayHoldSecret(path: string): boolean {
  return path.split('.').some((name) => secretName.test(name))
}

/** Blanks out user:password in an address and values of telling query parameters. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/\/\/[^/?#@]*@/g, `//${blank}@`)
    .replace(/([?&][^=&]*(?:key|token|secret|passw|auth|sig)[^=&]*=)[^&]*/gi, `$1${blank}`)
}

/** Whether `text` has blanks and `whole` fits into it: nobody can tell then that the two differ. */
export function isBlanked(text: string, whole: string): boolean {
  const [first = '', ...rest] = text.split(blank)
  const last = rest.pop()
  if (last === undefined || !whole.startsWith(first) || !whole.endsWith(last)) return false
  let from = first.length
  for (const part of rest) {
    const at = whole.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return from + last.length <= whole.length
}
