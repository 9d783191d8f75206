import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Core } from './core.ts'
import { HermesError } from './errors.ts'
import { type Key, keyOf, type Manifest } from './manifest/manifest.ts'
import type { ReadManifests } from './manifest/read.ts'
import { statusReport } from './observe/report.ts'
import { manifestFiles } from './origin/manifest-files.ts'
import type { Origin, Snapshot } from './origin/origin.ts'
import { tokenFor } from './reconcile/approval.ts'
import type { Plan } from './reconcile/plan.ts'
import type { EngineState, ResourceState } from './reconcile/state.ts'
import { heldManifest } from './reconcile/subject.ts'
import type { FetchReport } from './resources/fetch.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import { declaredColumns, type TableSpec, withTables } from './resources/table-spec.ts'
import type { Api, ManifestView, RunProgress, RunResult, StatusReport } from './service/api.ts'

export interface LocalApiParts {
  readonly config: Config
  readonly origin: Origin
  readonly read: ReadManifests
  readonly clock: Clock
  readonly version: string
  /** Opened when first asked for: what only looks at files needs no database. */
  readonly core: () => Promise<Core>
  /** Whether the engine runs in this process; otherwise what it would do is worked out without doing it. */
  readonly live: () => boolean
}

const never = new AbortController().signal

/** The API in process: what the service answers with, and what commands use where no service runs. */
export function localApi(parts: LocalApiParts): Api {
  const { config, origin, read } = parts
  const snapshot = (): Promise<Snapshot> => origin.read(never)
  const current = async (): Promise<readonly Manifest[]> => (await snapshot()).manifests
  const files = manifestFiles({ root: config.manifestsDir, read, current })
  return {
    status: () => status(parts),
    plan: async () => (await parts.core()).engine.plan(await snapshot()),
    manifests: async () => (await current()).map(manifestView),
    add: (text) => files.add(text),
    update: (text) => files.update(text),
    delete: (key) => files.delete(key),
    suspend: (key, suspended) => files.suspend(key, suspended),
    approve: (hash) => approve(parts, hash),
    rows: async (source, limit) => {
      const manifest = sourceNamed(await current(), source)
      return (await parts.core()).store.tables.rows({ source, table: viewOf(manifest).table }, limit)
    },
    reconcile: (keys) => reconcile(parts, keys),
    run: (source, signal, onProgress) => run(parts, source, signal, onProgress),
  }
}

/** The status as the running engine has it, or as files, ledger and data tell. */
export async function status(parts: LocalApiParts): Promise<StatusReport> {
  const core = await parts.core()
  const state = parts.live() ? core.engine.state() : await stateAtRest(parts, core)
  return statusReport({
    version: parts.version,
    now: parts.clock.now(),
    store: core.store,
    state,
    nextDueAt: (source) => core.runner.dueAt(source),
    isRunning: (source) => core.runner.isRunning(source),
    placeOf: (manifest) => {
      if (manifest.kind !== 'SourceDefinition') return undefined
      const { table, cursor, suspended } = viewOf(manifest as Manifest<SourceSpec>)
      return { table, suspended, ...(cursor === undefined ? {} : { cursor }) }
    },
  })
}

/** What a lap would find: nothing is changed, and what the plan says is still to be done. */
async function stateAtRest({ origin }: LocalApiParts, core: Core): Promise<EngineState> {
  const snapshot = await origin.read(never)
  const plan = await core.engine.plan(snapshot)
  const entries = new Map((await core.store.ledger.entries()).map((entry) => [keyOf(entry), entry]))
  const held = plan.held.flatMap(({ key }) => {
    const entry = entries.get(key)
    const manifest = entry === undefined ? undefined : heldManifest(entry)
    return manifest === undefined ? [] : [manifest]
  })
  const wanted = new Map(withTables([...snapshot.manifests, ...held]).map((manifest) => [keyOf(manifest), manifest]))
  const planned = new Map(plan.resources.map((each) => [each.key, each]))
  const keys = new Set([...wanted.keys(), ...planned.keys()])
  const resources = [...keys].map((key): ResourceState => {
    const desired = wanted.get(key)
    const entry = entries.get(key)
    const [kind, name] = splitKey(key)
    return {
      key,
      kind,
      name,
      derived: kind === 'Table',
      removed: desired === undefined,
      at: desired?.at ?? entry?.at ?? { file: '', line: 1, column: 1 },
      revision: entry?.revision ?? '',
      registeredAt: entry?.registeredAt ?? 0,
      outcome: outcomeAtRest(planned.get(key)),
      ...(desired === undefined ? {} : { desired }),
    }
  })
  return { revision: snapshot.revision, problems: plan.problems, resources }
}

function outcomeAtRest(planned: Plan['resources'][number] | undefined): ResourceState['outcome'] {
  if (planned === undefined) return { state: 'ready' }
  const { blocked, waitsFor, at } = planned
  if (blocked !== undefined) {
    const error = new HermesError(blocked.code, blocked.message, { at })
    return { state: 'blocked', approval: blocked.approval, error }
  }
  return waitsFor === undefined ? { state: 'progressing' } : { state: 'waiting', on: waitsFor }
}

async function approve(parts: LocalApiParts, hash: string): Promise<readonly Key[]> {
  const { engine, store } = await parts.core()
  if (parts.live()) return engine.approve(hash)
  const plan = await engine.plan(await parts.origin.read(never))
  const blocked = plan.resources.filter((each) => each.blocked?.approval === hash)
  const [first] = blocked
  if (first?.blocked === undefined) throw new HermesError('approval_stale', `nothing waits for approval of ${hash}`)
  const keys = blocked.map(({ key }) => key)
  await store.ledger.approve(keys, tokenFor(first.blocked))
  return keys
}

async function reconcile(parts: LocalApiParts, keys: readonly Key[] | undefined): Promise<void> {
  const { engine } = await parts.core()
  if (!parts.live())
    throw new HermesError('service_absent', 'nothing runs that could reconcile', { fix: 'Use `hermes apply`.' })
  const unknown = keys?.find((key) => engine.resource(key) === undefined)
  await engine.accept(await parts.origin.read(never))
  if (unknown !== undefined && engine.resource(unknown) === undefined)
    throw new HermesError('not_found', `there is no ${unknown}`)
  engine.resync(keys)
  await engine.settled()
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
  const manifest = sourceNamed((await parts.origin.read(never)).manifests, name)
  return runResult(manifest, report)
}

/** The caller may go away; the run itself goes on. */
async function runLive(
  core: Core,
  name: string,
  signal: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<FetchReport> {
  const gone = Promise.withResolvers<never>()
  const onAbort = (): void => gone.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([core.runner.runNow(name, onProgress), gone.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Only what is in force as declared is fetched: tables change with `hermes apply`, not on the way. */
async function runAtRest(
  { origin }: LocalApiParts,
  core: Core,
  name: string,
  stop: AbortSignal,
  onProgress?: (progress: RunProgress) => void,
): Promise<FetchReport> {
  const snapshot = await origin.read(never)
  const manifest = sourceNamed(snapshot.manifests, name)
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
  if (found === undefined) throw new HermesError('not_found', `there is no source ${name}`)
  return found as Manifest<SourceSpec>
}

function manifestView(manifest: Manifest): ManifestView {
  const { kind, name, at } = manifest
  return { kind, name, file: at.file, line: at.line, text: manifest.text ?? '' }
}

function splitKey(key: Key): readonly [string, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}
