import type { Config } from './config.ts'
import type { Core } from './core.ts'
import { HermesError } from './errors.ts'
import { type LetterRetry, localDeadLetters } from './local-dead-letters.ts'
import { localPlan } from './local-plan.ts'
import { type LocalReadParts, readOrigin, unlessStopping, unreadError } from './local-read.ts'
import { rootOf, status } from './local-status.ts'
import { tapSamples } from './local-tap.ts'
import { traceTable } from './local-trace.ts'
import { type Key, keyOf, type Manifest } from './manifest/manifest.ts'
import type { ReadManifests } from './manifest/read.ts'
import type { EventEntry, EventLog } from './observe/events.ts'
import { directoryPlace } from './origin/directory-place.ts'
import { manifestsInGit } from './origin/git/manifests-in-git.ts'
import { type ManifestFiles, manifestFiles } from './origin/manifest-files.ts'
import type { ManifestPlace } from './origin/manifest-place.ts'
import type { Snapshot } from './origin/origin.ts'
import { tokenFor } from './reconcile/approval.ts'
import { isPlanHash, requirePlan } from './reconcile/plan-hash.ts'
import { heldManifest } from './reconcile/subject.ts'
import { Turn } from './reconcile/turn.ts'
import type { FetchReport } from './resources/fetch.ts'
import { refuseDenied, refuseSuspended } from './resources/source-runner.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import { declaredColumns, type TableSpec, withTables } from './resources/table-spec.ts'
import { nodeMeant, workflowNodes } from './resources/workflow-nodes.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'
import type { Api, ManifestView, RunProgress, RunResult } from './service/api.ts'
import type { TapOptions, TapSample } from './service/tap-api.ts'
import { stateDocument } from './state-document.ts'

export interface LocalApiParts extends LocalReadParts {
  readonly config: Config
  /** Where manifests are written, when that is not the directory. */
  readonly place?: ManifestPlace
  readonly read: ReadManifests
  readonly version: string
  /** Opened when first asked for: what only looks at files needs no database. */
  readonly core: () => Promise<Core>
  /** Whether the engine runs in this process; otherwise what it would do is worked out without doing it. */
  readonly live: () => boolean
  /** What a service in this process keeps of what happened; undefined where none is. */
  readonly events: () => EventLog | undefined
  /** Takes the values of secrets out of a text. */
  readonly mask: (text: string) => string
  /** Who sends dead letters again; absent or undefined where no workflows run. */
  readonly letterRetry?: () => LetterRetry | undefined
}

/** The API in process: what the service answers with, and what commands use where no service runs. */
export function localApi(parts: LocalApiParts): Api {
  const placed = <T extends object>(answer: T): T & { readonly root?: string } => ({
    ...answer,
    ...rootOf(parts.config),
  })
  const snapshot = (): Promise<Snapshot> => readOrigin(parts)
  const current: CurrentManifests = async () => (await snapshot()).manifests
  // One at a time: reading a tree that was sent takes memory and time.
  const trees = new Turn()
  const files = manifestFilesOf(parts, current)
  return {
    status: () => status(parts),
    plan: (tree) => {
      const planning = { ...parts, snapshot }
      return tree === undefined ? localPlan(planning) : trees.take(() => localPlan(planning, tree))
    },
    state: async () => stateDocument((await parts.core()).store, { hermes: parts.version, now: parts.clock.now() }),
    manifests: async () => (await current()).map(manifestView),
    add: async (text) => (await files.add(text)).map(placed),
    update: async (text) => (await files.update(text)).map(placed),
    delete: async (key) => placed(await files.delete(key)),
    suspend: async (key, suspended) => placed(await files.suspend(key, suspended)),
    approve: (hash) => approve(parts, hash),
    rows: async (source, limit) => {
      const manifest = await sourceFor(parts, source)
      return (await parts.core()).store.tables.rows({ source, table: viewOf(manifest).table }, limit)
    },
    reconcile: (keys, plan) => reconcile(parts, keys, plan),
    run: (source, signal, onProgress) => run(parts, source, signal, onProgress),
    events: async (key) => events(parts, key),
    trace: async (table) => traceTable(table, await status(parts), parts),
    tap: (workflow, options, signal) => tap(parts, workflow, options, signal),
    deadLetters: localDeadLetters({
      store: async () => (await parts.core()).store.deadLetters,
      now: () => parts.clock.now(),
      retry: () => parts.letterRetry?.(),
    }),
  }
}

/** A repository that nothing may be written to tells which file to edit. */
function manifestFilesOf({ config, place, read }: LocalApiParts, current: CurrentManifests): ManifestFiles {
  if (place !== undefined) return manifestFiles({ place, read })
  if (config.git === undefined)
    return manifestFiles({ place: directoryPlace({ root: config.manifestsDir, current }), read })
  return manifestsInGit({ address: config.git.url, path: config.git.path, current })
}

type CurrentManifests = () => Promise<readonly Manifest[]>

async function approve(parts: LocalApiParts, hash: string): Promise<readonly Key[]> {
  const { engine, store } = await parts.core()
  if (isPlanHash(hash)) return engine.approvePlan(await readOrigin(parts), hash)
  if (parts.live()) return engine.approve(hash)
  const plan = await engine.plan(await readOrigin(parts))
  const blocked = plan.resources.filter((each) => each.blocked?.approval === hash)
  const [first] = blocked
  if (first?.blocked === undefined) throw new HermesError('approval_stale', `nothing waits for approval of ${hash}`)
  const keys = blocked.map(({ key }) => key)
  await store.ledger.approve(keys, tokenFor(first.blocked))
  return keys
}

function events(parts: LocalApiParts, key: Key | undefined): readonly EventEntry[] {
  const kept = parts.events()
  if (kept !== undefined) return kept.list(key)
  throw new HermesError('service_absent', 'no service runs here, and it alone keeps what happened')
}

async function reconcile(
  parts: LocalApiParts,
  keys: readonly Key[] | undefined,
  plan: string | undefined,
): Promise<void> {
  const { engine } = await parts.core()
  if (!parts.live())
    throw new HermesError('service_absent', 'nothing runs that could reconcile', { fix: 'Use `hermes apply`.' })
  const unknown = keys?.find((key) => engine.resource(key) === undefined)
  parts.origin.wake()
  const snapshot = await readOrigin(parts)
  if (plan !== undefined) requirePlan(await engine.plan(snapshot), plan)
  await engine.accept(snapshot)
  if (unknown !== undefined && engine.resource(unknown) === undefined)
    throw new HermesError('not_found', `there is no ${unknown}`)
  engine.resync(keys)
  await unlessStopping(parts, (stopping) => engine.settled(stopping))
}

async function run(
  parts: LocalApiParts,
  name: string,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<RunResult> {
  const core = await parts.core()
  const report = parts.live()
    ? await runLive(core, name, signal, onProgress)
    : await runAtRest(parts, core, name, signal, onProgress)
  if (report.error !== undefined) throw report.error
  if (report.outcome === 'interrupted') {
    throw new HermesError(
      'interrupted',
      `the fetch of ${name} was interrupted after ${report.rows} rows; it goes on from there`,
    )
  }
  return runResult(await sourceFor(parts, name), report)
}

/** A source as it is in force, or as the ledger has it before anything is; else as its manifest says. Throws `not_found`. */
async function sourceFor(parts: LocalApiParts, name: string): Promise<Manifest<SourceSpec>> {
  const known = parts.live() ? await knownSource(await parts.core(), name) : undefined
  return known ?? sourceNamed((await readOrigin(parts)).manifests, name)
}

async function knownSource({ engine, store }: Core, name: string): Promise<Manifest<SourceSpec> | undefined> {
  const key = `SourceDefinition/${name}`
  if (engine.isInForce) return engine.resource(key)?.desired as Manifest<SourceSpec> | undefined
  const entry = (await store.ledger.entries()).find((each) => keyOf(each) === key)
  return entry && (heldManifest(entry) as Manifest<SourceSpec> | undefined)
}

/** The caller may go away; the run itself goes on. */
async function runLive(
  core: Core,
  name: string,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<FetchReport> {
  if (!core.engine.isInForce) throw unreadError()
  const gone = Promise.withResolvers<never>()
  const onAbort = (): void => gone.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    const source = core.engine.resource(keyOf({ kind: 'SourceDefinition', name }))?.desired
    if (source === undefined) throw unknownSource(name)
    refuseSuspended(source as Manifest<SourceSpec>)
    return await Promise.race([core.runner.runNow(name, onProgress), gone.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Only what is in force as declared is fetched: tables change with `hermes apply`, not on the way. */
async function runAtRest(
  parts: LocalApiParts,
  core: Core,
  name: string,
  stop: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<FetchReport> {
  const snapshot = await readOrigin(parts)
  const manifest = sourceNamed(snapshot.manifests, name)
  refuseSuspended(manifest)
  const entry = (await core.store.ledger.entries()).find(
    (each) => each.kind === 'SourceDefinition' && each.name === name,
  )
  if (entry?.settled?.hash !== manifest.hash) {
    const fix = 'Run `hermes apply` first.'
    throw new HermesError('not_in_force', `source ${name} is not in force as its manifest says now`, {
      at: manifest.at,
      fix,
    })
  }
  refuseDenied(manifest, parts.clock.now())
  for (const each of snapshot.manifests) if (each.kind === 'Connection') core.useConnection(each)
  const { table } = viewOf(manifest)
  const shared = withTables(snapshot.manifests).find((each) => each.kind === 'Table' && each.name === table)
  const tableColumns = shared === undefined ? [] : declaredColumns(shared.spec as TableSpec)
  const subject = { manifest, registeredAt: entry.registeredAt, tableColumns }
  return core.fetch(subject, { stop, ...(onProgress === undefined ? {} : { onProgress }) })
}

export function runResult(manifest: Manifest<SourceSpec>, report: FetchReport): RunResult {
  const { rows, pages, ms } = report
  return { name: manifest.name, table: viewOf(manifest).table, rows, pages, seconds: ms / 1_000 }
}

/** Throws `not_found`. */
export function sourceNamed(manifests: readonly Manifest[], name: string): Manifest<SourceSpec> {
  const found = manifests.find((each) => each.kind === 'SourceDefinition' && each.name === name)
  if (found === undefined) throw unknownSource(name)
  return found as Manifest<SourceSpec>
}

function unknownSource(name: string): HermesError {
  return new HermesError('not_found', `there is no source ${name}`, { fix: 'See `hermes list sources`.' })
}

function manifestView(manifest: Manifest): ManifestView {
  const { kind, name, at, text = '', generated } = manifest
  const madeBy = generated === undefined ? {} : { madeBy: generated.by }
  return { kind, name, file: at.file, line: at.line, text, ...madeBy }
}

async function tap(
  parts: LocalApiParts,
  workflow: string,
  options: TapOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<TapSample>> {
  if (!parts.live()) throw new HermesError('service_absent', `no service runs workflow ${workflow}`)
  const { workflows, engine } = await parts.core()
  const manifest = engine.resource(keyOf({ kind: 'Workflow', name: workflow }))?.desired
  if (manifest === undefined)
    throw new HermesError('not_found', `there is no workflow ${workflow}`, { fix: 'See `hermes list workflows`.' })
  const node = nodeMeant(options.at ?? 'source', workflowNodes(manifest as Manifest<WorkflowSpec>))
  const { clock, mask } = parts
  return tapSamples({ taps: workflows.taps(workflow), node, clock, mask }, options, signal)
}
