import { codeOnly, type Import, importsOf, type SourceFile, withoutComments } from './architecture.ts'

/** `types`: nothing of it may remain at run time. A path with a slash names one file or folder within a folder. */
interface Rule {
  readonly may: readonly string[]
  readonly types?: readonly string[]
  /** npm packages: `none`, or all but those that belong to another folder. */
  readonly npm?: 'none'
}

/** The import table of the design; the leaves may be imported by all. */
export const table: Readonly<Record<string, Rule>> = {
  manifest: { may: [] },
  store: { may: [] },
  stream: { may: [], npm: 'none' },
  origin: { may: ['manifest'] },
  reconcile: { may: ['manifest'], types: ['origin'], npm: 'none' },
  connectors: {
    may: [
      'manifest/expression',
      'manifest/template',
      'manifest/duration',
      'stream/batch.ts',
      'stream/batches.ts',
      'stream/dead-letter.ts',
      'stream/letter-message.ts',
    ],
    types: ['stream', 'manifest'],
  },
  resources: { may: ['manifest', 'reconcile', 'stream', 'connectors', 'store'] },
  observe: { may: ['manifest', 'store'], types: ['reconcile', 'stream'] },
  library: { may: ['manifest', 'stream', 'connectors', 'resources', 'store'] },
  service: { may: ['config.ts', 'manifest', 'reconcile', 'observe'] },
  cli: { may: ['hermes.ts', 'config.ts', 'manifest', 'origin', 'reconcile', 'service'], types: ['observe'] },
}

export const leaves: ReadonlySet<string> = new Set([
  'buffer-report.ts',
  'errors.ts',
  'error-kind.ts',
  'error-table.ts',
  'error-table-fetch.ts',
  'error-table-git.ts',
  'error-table-stream.ts',
  'atomic-write.ts',
  'clock.ts',
  'inbound-routes.ts',
  'json-compare.ts',
  'lossless-json.ts',
  'markdown-text.ts',
  'natural-order.ts',
  'place.ts',
  'shared-text.ts',
  'test-report.ts',
  'when-aborted.ts',
])

/** Vendor libraries that one folder has to itself. */
export const owners: Readonly<Record<string, readonly string[]>> = {
  'node:sqlite': ['store', 'connectors'],
  kysely: ['store'],
  pg: ['store', 'connectors'],
  'pg-copy-streams': ['store'],
  avsc: ['connectors'],
  protobufjs: ['connectors'],
  chokidar: ['origin'],
  bottleneck: ['connectors'],
  ws: ['connectors'],
  ioredis: ['connectors'],
  '@nats-io/transport-node': ['connectors'],
  '@nats-io/jetstream': ['connectors'],
  fastify: ['service'],
  commander: ['cli'],
}

const folderOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]
const packageOf = (target: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target
const within = (path: string, place: string): boolean => path === place || path.startsWith(place)

function allowed(rule: Rule, to: Import): boolean {
  const path = to.target.slice('src/'.length)
  const matches = (place: string): boolean =>
    within(path, place.includes('.') || place.includes('/') ? place : `${place}/`)
  return leaves.has(path) || rule.may.some(matches) || (to.typeOnly && (rule.types ?? []).some(matches))
}

function crossing(file: SourceFile, folder: string, to: Import): string | undefined {
  if (!to.relative || folderOf(to.target) === folder) return undefined
  const rule = table[folder]
  if (rule === undefined) return `${file.path}: the folder ${folder} is not in the design`
  return allowed(rule, to) ? undefined : `${file.path} imports ${to.target}`
}

/** Imports between folders that the table does not allow. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const folder = folderOf(file.path)
    if (folder === undefined) {
      const leaf = leaves.has(file.path.slice('src/'.length))
      return leaf
        ? importsOf(file).flatMap((to) =>
            to.relative && !leaves.has(to.target.slice('src/'.length)) ? `${file.path} imports ${to.target}` : [],
          )
        : []
    }
    return importsOf(file).flatMap((to) => crossing(file, folder, to) ?? [])
  })
}

/** npm packages where none may be, and vendor libraries outside their folder. */
export function forbiddenPackages(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const folder = folderOf(file.path) ?? 'src'
    return importsOf(file).flatMap((to) => {
      if (to.relative) return []
      const name = packageOf(to.target)
      const owner = owners[name]
      const none = table[folder]?.npm === 'none' && !name.startsWith('node:')
      return none || (owner !== undefined && !owner.includes(folder)) ? `${file.path} imports ${name}` : []
    })
  })
}

/** Connectors that import one another; connectors are what the registry lists. */
export function entangledConnectors(files: readonly SourceFile[]): string[] {
  const registry = files.find((file) => file.path === 'src/connectors/index.ts')
  const connectors = new Set(registry === undefined ? [] : importsOf(registry).map((each) => each.target))
  return files.flatMap((file) =>
    connectors.has(file.path)
      ? importsOf(file).flatMap((to) => (connectors.has(to.target) ? `${file.path} imports ${to.target}` : []))
      : [],
  )
}

const usesProcess = /(?<![.\w$])process(?![\w$]|\s*:)|globalThis\s*\.\s*process/

/** Files that touch `process`, but for the two bins and the entry of the library. */
export function processUsers(files: readonly SourceFile[]): string[] {
  const entries = new Set(['src/main.ts', 'src/status.ts', 'src/index.ts'])
  return files.flatMap((file) => {
    const imported = importsOf(file).some((to) => to.target === 'node:process' || to.target === 'process')
    return !entries.has(file.path) && (imported || usesProcess.test(codeOnly(file.text))) ? file.path : []
  })
}

/** Syntax that the house does without. */
export function forbiddenSyntax(files: readonly SourceFile[]): string[] {
  const patterns: readonly (readonly [string, RegExp])[] = [
    ['default export', /\bexport\s+default\b|\bas\s+default\b/],
    ['enum', /(?:^|[\n;])\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/],
    ['namespace', /(?:^|[\n;])\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/],
    ['any', /[:<,|]\s*any\b(?!\s*\()|\bas\s+any\b/],
  ]
  return files.flatMap((file) => {
    const code = codeOnly(file.text)
    return patterns.flatMap(([name, pattern]) => (pattern.test(code) ? `${file.path}: ${name}` : []))
  })
}

const generated = /^\/\/ Generated by `npm run gen`/

/** Files that hold nothing but re-exports. */
export function barrels(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const code = withoutComments(text)
    const rest = code.replaceAll(/\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*'[^']+'/g, '')
    return rest !== code && rest.replaceAll(/[\s;]/g, '') === '' ? path : []
  })
}

const catchAll = /(?:^|\/)(?:utils?|common|lib|helpers?|misc|shared|types)(?:\.ts$|\/)/

export function catchAllNames(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => (catchAll.test(file.path) ? file.path : []))
}

export function tooLong(files: readonly SourceFile[], ceiling: number): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1
    return lines > ceiling && !generated.test(text) ? `${path}: ${lines} lines` : []
  })
}
