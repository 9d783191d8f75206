/** Compares names as people count: `s2` before `s10`. Equal numbers are told apart by how they are written. */
export function compareNaturally(one: string, other: string): number {
  let at = 0
  while (at < one.length && one.charCodeAt(at) === other.charCodeAt(at)) at += 1
  while (at > 0 && isDigit(one.charCodeAt(at - 1))) at -= 1
  const [left, right] = [numberAt(one, at), numberAt(other, at)]
  if (left !== '' && right !== '' && left !== right) {
    return left.length - right.length || (left < right ? -1 : 1)
  }
  return one < other ? -1 : one > other ? 1 : 0
}

/** The digits from a place on, without zeros that say nothing; empty where none are. */
function numberAt(text: string, from: number): string {
  let end = from
  while (isDigit(text.charCodeAt(end))) end += 1
  let start = from
  while (start < end - 1 && text.charCodeAt(start) === zero) start += 1
  return text.slice(start, end)
}

const zero = 48
function isDigit(code: number): boolean {
  return code >= zero && code <= zero + 9
}
