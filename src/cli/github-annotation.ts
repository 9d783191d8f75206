import type { Problem } from '../manifest/manifest.ts'
import { joinedPath } from './place-text.ts'

/**
 * A problem as a command to the runner of GitHub Actions, which shows it at its line of the pull request. `root` is the
 * directory that places are relative to, as seen from the repository's.
 */
export function githubAnnotation(
  { at, code, message, path, fix }: Problem,
  root: string,
  level: 'error' | 'warning' = 'error',
): string {
  const where = { file: joinedPath(at.file, root), line: at.line, col: at.column, title: code }
  const properties = Object.entries(where).map(([name, value]) => `${name}=${property(String(value))}`)
  const field = path === undefined || message.startsWith(path) ? '' : `${path}: `
  return `::${level} ${properties.join(',')}::${data(`${field}${message}\n${fix}`)}\n`
}

/** As the runner's own library escapes it. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
