const mostNames = 10

/** `quotes-aapl, quotes-msft`; more than ten are counted. */
export function nameList(names: readonly string[]): string {
  const more = names.length - mostNames
  if (more <= 0) return names.join(', ')
  return `${names.slice(0, mostNames).join(', ')} and ${more.toLocaleString('en-US')} more`
}

/** What names have in common, up to a separator: `quotes-*`, `old-*-daily`. */
export function namePattern(names: readonly string[]): string {
  const start = sharedStart(names).replace(/[^-._]+$/, '')
  const end = sharedEnd(names.map((name) => name.slice(start.length))).replace(/^[^-._]+/, '')
  return `${start}*${end}`
}

/** `quotes-* (300)`. */
export function countedPattern(names: readonly string[]): string {
  return `${namePattern(names)} (${names.length.toLocaleString('en-US')})`
}

function sharedStart([first = '', ...others]: readonly string[]): string {
  let length = first.length
  for (const each of others) while (!each.startsWith(first.slice(0, length))) length -= 1
  return first.slice(0, length)
}

function sharedEnd([first = '', ...others]: readonly string[]): string {
  let from = 0
  for (const each of others) while (!each.endsWith(first.slice(from))) from += 1
  return first.slice(from)
}
