const longest = 80
const most = 4096

/**
 * A function that answers an equal text with the one it saw before, so that a word that stands in ten thousand places
 * is in memory once. Long texts are passed through, and what was seen is forgotten now and then: it never grows large.
 */
export function sharedText(): (text: string) => string {
  const seen = new Map<string, string>()
  return (text) => {
    if (text.length > longest) return text
    const known = seen.get(text)
    if (known !== undefined) return known
    if (seen.size >= most) seen.clear()
    seen.set(text, text)
    return text
  }
}
