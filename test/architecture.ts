import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A source file: its path below the repository, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface Import {
  /** As written, or the path below the repository for a relative one. */
  readonly target: string
  readonly relative: boolean
  /** Nothing of it remains at run time. */
  readonly typeOnly: boolean
}

const skipped = new Set(['node_modules', 'dist', '.git', '.hermes'])

/** All files below a folder of the repository. */
export function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : walk(path)
    return entry.isFile() ? [path] : []
  })
}

export function readSources(folder: string): SourceFile[] {
  return walk(folder)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

const token =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:[!&|?{};\n]\s*|return )\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n*[])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\/[a-z]*/g

/** The code without comments; strings and regular expressions stay. */
export function withoutComments(text: string): string {
  return text.replace(token, (match) => (match.startsWith('//') || match.startsWith('/*') ? ' ' : match))
}

/** The code without comments, strings and regular expressions; what stands between `${ }` stays. */
export function codeOnly(text: string): string {
  return text.replace(token, (match) => {
    if (match.startsWith('`')) return [...match.matchAll(/\$\{([^}]*)\}/g)].map((part) => ` (${part[1]}) `).join('')
    return /^['"]/.test(match) ? "''" : ' '
  })
}

const statement = /(?:^|[\n;])\s*(import|export)\s+(type\s+)?((?:[\w*\s$,]|\{[^}]*\})*?)\s*from\s*['"]([^'"]+)['"]/g
const bare = /(?:^|[\n;])\s*import\s*['"]([^'"]+)['"]/g
const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g
const worker = /new URL\(\s*['"](\.[^'"]+\.ts)['"]\s*,\s*import\.meta\.url/g

function onlyTypes(clause: string): boolean {
  const names = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1]
  if (names === undefined) return false
  const each = names.split(',').filter((name) => name.trim() !== '')
  return each.length > 0 && each.every((name) => name.trim().startsWith('type '))
}

/** What a file imports, re-exports, imports later, or starts as a worker. */
export function importsOf(file: SourceFile): Import[] {
  const code = withoutComments(file.text)
  const found = [...code.matchAll(statement)].map((match) => ({
    target: match[4] ?? '',
    typeOnly: match[2] !== undefined || onlyTypes(match[3] ?? ''),
  }))
  for (const pattern of [bare, dynamic, worker]) {
    for (const match of code.matchAll(pattern)) found.push({ target: match[1] ?? '', typeOnly: false })
  }
  return found.map(({ target, typeOnly }) => {
    const relative = target.startsWith('.')
    return { target: relative ? posix.join(posix.dirname(file.path), target) : target, relative, typeOnly }
  })
}

/** Each cycle of imports once, as the path that leads back to its start. */
export function cycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [file.path, importsOf(file).flatMap((each) => (each.relative ? each.target : []))]),
  )
  const state = new Map<string, 'open' | 'done'>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'open') found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (state.has(path)) return
    state.set(path, 'open')
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    state.set(path, 'done')
  }
  for (const file of files) visit(file.path, [])
  return found
}
