/** Text that neither starts markup nor ends a table's cell. */
export function prose(text: string): string {
  return html(oneLine(text)).replace(/([\\`*_[\]|~#@])/g, '\\$1')
}

/** Text as it is, in the type of code; fit for a table's cell. */
export function code(text: string): string {
  const one = oneLine(text).replaceAll('|', '\\|')
  const fence = '`'.repeat(longestRun(one) + 1)
  return fence.length === 1 ? `\`${one}\`` : `${fence} ${one} ${fence}`
}

/** A table; the columns that begin with a colon stand to the right. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = titles.map((title) => (title.startsWith(':') ? '--:' : '---'))
  return [titles.map((title) => title.replace(/^:/, '')), rule, ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, '')
}

/** Text for a tag of HTML within Markdown. */
export function html(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Length of the longest run of backticks: a fence around the text needs one more. */
export function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
}
