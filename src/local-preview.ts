import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { openCore } from './core.ts'
import { HermesError } from './errors.ts'
import { sourceNamed } from './local-api.ts'
import type { Manifest } from './manifest/manifest.ts'
import type { OriginSecrets } from './manifest/origin-secrets.ts'
import type { ReadManifests } from './manifest/read.ts'
import { directoryOrigin } from './origin/directory.ts'
import { readEntry } from './origin/file-entry.ts'
import { listFinder } from './origin/find-lists.ts'
import type { Origin } from './origin/origin.ts'
import { contextFor, openSource } from './resources/open-source.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import type { Preview } from './service/api.ts'
import { openRouteTable } from './service/hooks/route-table.ts'
import { formatColumnType } from './store/column-type.ts'
import { openStore } from './store/open.ts'
import type { Log } from './stream/connector.ts'

export interface PreviewParts {
  readonly config: Config
  readonly origin: Origin
  readonly secrets: OriginSecrets
  readonly clock: Clock
  readonly log: Log
  readonly read: ReadManifests
}

const mostNamed = 20

/**
 * Fetches one page of a source and shows the table it would make. The table is a real one, in a database that is thrown
 * away: what is shown is what a run would do.
 */
export async function previewSource(
  parts: PreviewParts,
  file: string,
  options: { readonly name?: string; readonly limit: number },
  signal: AbortSignal,
): Promise<Preview> {
  const { manifests, root } = await readFileBeside(parts, file)
  const manifest = chosen(manifests, options.name, file)
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'hermes-preview-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const store = stack.use(await openStore(`sqlite:${join(directory, 'preview.db')}`, { clock: parts.clock }))
  const config = { ...parts.config, manifestsDir: root }
  const core = stack.use(
    openCore({ ...parts, config, store, version: 'preview', routes: openRouteTable(), onRun: () => {} }),
  )
  for (const each of manifests) if (each.kind === 'Connection') core.useConnection(each)

  const view = viewOf(manifest)
  const holding = { source: manifest.name, table: view.table }
  const target = {
    ...holding,
    columns: view.columns,
    key: view.key,
    write: 'append',
    evolve: view.evolve,
    spec: '',
  } as const
  const run = stack.use(await store.runs.begin(target, parts.clock.now()))
  const { secrets, clock, log } = parts
  const opener = { connections: core.connections, secrets, clock, log, root }
  const tables = { writer: () => ({ write: run.write.bind(run) }) }
  const context = await contextFor(opener, manifest, { startedAt: run.startedAt }, tables)
  const source = stack.use(await openSource(opener, manifest, { startedAt: run.startedAt }, context))
  const stop = new AbortController()
  let records = 0
  for await (const batch of source.read(undefined, stop.signal, signal)) {
    await run.write(batch.values(), undefined, signal)
    records = batch.size
    stop.abort()
    break
  }
  await run.finish(parts.clock.now())
  const shape = (await store.tables.shapes([view.table])).get(view.table)
  const declared = new Set(view.columns.map(({ name }) => name))
  return {
    name: manifest.name,
    table: view.table,
    records,
    columns: (shape?.columns ?? view.columns).map(({ name, type }) => ({
      name,
      type: formatColumnType(type),
      inferred: !declared.has(name),
    })),
    rows: records === 0 ? [] : await store.tables.rows(holding, options.limit),
  }
}

/** The manifests of a file, and the Connections beside it and in the manifests directory. */
async function readFileBeside(
  parts: PreviewParts,
  file: string,
): Promise<{ manifests: readonly Manifest[]; root: string }> {
  const { config, read, clock } = parts
  const path = resolve(file)
  const inside = !relative(config.manifestsDir, path).startsWith('..')
  const root = inside ? config.manifestsDir : dirname(path)
  const now = clock.now()
  const entry = await readEntry(namedFrom(root, path), undefined, { root, read, find: listFinder(root, now), now })
  if (entry === undefined)
    throw new HermesError('not_found', `${file} does not exist`, { fix: 'Name a file of manifests.' })
  const [problem] = entry.problems
  if (problem !== undefined) {
    throw new HermesError(problem.code as 'invalid_value', problem.message, { at: problem.at, fix: problem.fix })
  }
  return { manifests: [...(await connections(parts, root)), ...entry.declared], root }
}

function namedFrom(root: string, path: string): string {
  return relative(root, path).split(sep).join('/')
}

/** What the manifests directory declares goes before what only stands beside the file. */
async function connections({ config, origin, read, clock, log }: PreviewParts, root: string): Promise<Manifest[]> {
  const signal = new AbortController().signal
  await using beside = directoryOrigin({ root, read, clock, log })
  const snapshots = [...(root === config.manifestsDir ? [] : [await beside.read(signal)]), await origin.read(signal)]
  return snapshots.flatMap(({ manifests }) => manifests).filter(({ kind }) => kind === 'Connection')
}

function chosen(manifests: readonly Manifest[], name: string | undefined, file: string): Manifest<SourceSpec> {
  if (name !== undefined) return sourceNamed(manifests, name)
  const sources = manifests.filter(({ kind }) => kind === 'SourceDefinition')
  const [first] = sources
  if (first === undefined) throw new HermesError('not_found', `${file} holds no SourceDefinition`)
  if (sources.length > 1) {
    const names = sources.slice(0, mostNamed).map((each) => each.name)
    const more = sources.length > mostNamed ? ` and ${sources.length - mostNamed} more` : ''
    throw new HermesError('usage', `${file} holds several sources`, {
      fix: `Name one of them: ${names.join(', ')}${more}.`,
    })
  }
  return first as Manifest<SourceSpec>
}
