import type { Manifest } from './manifest/manifest.ts'
import type { Engine } from './reconcile/engine.ts'
import type { ResourceState } from './reconcile/state.ts'
import type { FetchSubject } from './resources/fetch.ts'
import type { SourceRunner } from './resources/source-runner.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import type { Store } from './store/store.ts'
import type { Log } from './stream/connector.ts'

export interface Following {
  readonly engine: Engine
  readonly runner: SourceRunner
  readonly store: Store
  /** Sources whose change has begun: what was settled before no longer describes where their rows are. */
  readonly halted: Set<string>
  readonly log: Log
}

/**
 * Keeps the runner's sources in step with the engine's outcomes; `idle` resolves when it has taken up all it was told.
 * A table that changed may have lost rows, and its sources are due again then.
 */
export function followSources(following: Following): { idle(): Promise<void> } {
  const { engine, log } = following
  let last: Promise<void> = Promise.resolve()
  engine.onChange((keys) => {
    const sources = [...keys].filter((key) => key.startsWith('SourceDefinition/'))
    const tables = [...keys].filter((key) => key.startsWith('Table/'))
    if (sources.length + tables.length === 0) return
    last = last
      .then(() => takeUp(following, sources))
      .then(() => following.runner.evaluate(new Set(tables.map(nameOf))))
      .catch((error: unknown) => log.error({ error: String(error), sources: sources.length }, 'sources not taken up'))
  })
  return { idle: () => last }
}

/**
 * Ready sources run as declared. One whose change waits or is blocked goes on as it was last settled, as long as the
 * change has not begun; what is suspended or gone stops. Between the last look at the engine and the runner's taking
 * them up nothing is awaited: a source that is halted meanwhile must not start again.
 */
async function takeUp(following: Following, keys: readonly string[]): Promise<void> {
  const { engine, runner, halted } = following
  for (const key of keys) {
    const name = nameOf(key)
    if (engine.resource(key) === undefined) halted.delete(name)
    if (subjectInForce(following, key) === undefined) await runner.remove(name)
  }
  const left = await emptyHanded(following, keys)
  const subjects = keys.flatMap((key) => {
    const subject = left.has(key) ? undefined : subjectInForce(following, key)
    return subject === undefined || subject === 'as before' ? [] : [subject]
  })
  if (subjects.length > 0) await runner.put(subjects)
}

function subjectInForce({ engine, halted }: Following, key: string): FetchSubject | 'as before' | undefined {
  const resource = engine.resource(key)
  const desired = resource?.desired as Manifest<SourceSpec> | undefined
  if (resource === undefined || desired === undefined || desired.spec.suspend) return undefined
  const { registeredAt } = resource
  if (resource.outcome.state === 'ready') {
    halted.delete(desired.name)
    return { manifest: desired, registeredAt }
  }
  const settled = settledManifest(resource)
  return settled === undefined || halted.has(desired.name) ? 'as before' : { manifest: settled, registeredAt }
}

/** What a source was last brought to, while its change waits or is blocked. */
function settledManifest({ outcome, desired, settled }: ResourceState): Manifest<SourceSpec> | undefined {
  if ((outcome.state !== 'waiting' && outcome.state !== 'blocked') || settled === undefined) return undefined
  const { spec, hash } = settled as { spec: SourceSpec; hash: string }
  const { syncWindow } = (desired?.spec ?? {}) as Partial<SourceSpec>
  return { ...desired, hash, spec: underWindow(spec, syncWindow) } as Manifest<SourceSpec>
}

/** A window is in force as soon as it is declared: it may be what the change waits for. */
function underWindow(spec: SourceSpec, syncWindow: SourceSpec['syncWindow']): SourceSpec {
  const { syncWindow: before, ...rest } = spec
  if (before === undefined && syncWindow === undefined) return spec
  return { ...rest, ...(syncWindow === undefined ? {} : { syncWindow }) }
}

/**
 * The waiting sources that leave their table and have no rows there any more: an earlier process may have moved them,
 * and fetching into the old table would bring all rows twice.
 */
async function emptyHanded({ engine, store }: Following, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const leaving = keys.flatMap((key) => {
    const resource = engine.resource(key)
    const settled = resource === undefined ? undefined : settledManifest(resource)
    if (resource?.desired === undefined || settled === undefined) return []
    const { table } = viewOf(settled)
    const stays = table === viewOf(resource.desired as Manifest<SourceSpec>).table
    return stays ? [] : [{ key, table, source: settled.name }]
  })
  if (leaving.length === 0) return new Set()
  const counts = await store.tables.counts(leaving)
  return new Set(leaving.filter(({ table, source }) => !counts.get(`${table}/${source}`)).map(({ key }) => key))
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}
