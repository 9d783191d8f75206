import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Core } from './core.ts'
import { HermesError } from './errors.ts'
import { heldManifests } from './local-plan.ts'
import { type LocalReadParts, readOrigin } from './local-read.ts'
import { type Key, keyOf, type Manifest } from './manifest/manifest.ts'
import { opensAt } from './manifest/sync-window.ts'
import { type SourcePlace, statusReport } from './observe/report.ts'
import type { Plan } from './reconcile/plan.ts'
import type { EngineState, ResourceState } from './reconcile/state.ts'
import { heldManifest } from './reconcile/subject.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import { withTables } from './resources/table-spec.ts'
import type { StatusReport } from './service/api.ts'

export interface LocalStatusParts extends LocalReadParts {
  readonly config: Config
  readonly clock: Clock
  readonly version: string
}

/**
 * The status as the running engine has it, or as files, ledger and data tell. Where an engine runs nobody waits for the
 * origin: before its first look the ledger and the data tell alone.
 */
export async function status(parts: LocalStatusParts): Promise<StatusReport> {
  const core = await parts.core()
  const now = parts.clock.now()
  const state = parts.live() ? await stateOfEngine(core) : await stateAtRest(parts, core)
  const report = await statusReport({
    version: parts.version,
    now,
    store: core.store,
    state,
    flows: await core.workflows.flows(),
    nextDueAt: (source) => core.runner.dueAt(source),
    isRunning: (source) => core.runner.isRunning(source),
    placeOf: (manifest) => {
      if (manifest.kind !== 'SourceDefinition') return undefined
      return placeOf(manifest as Manifest<SourceSpec>, now)
    },
  })
  return { ...report, ...rootOf(parts.config) }
}

/** What places are relative to, where that is a directory in a repository. */
export function rootOf({ git }: Config): { readonly root?: string } {
  return git === undefined ? {} : { root: git.path }
}

function placeOf(source: Manifest<SourceSpec>, now: number): SourcePlace {
  const { table, cursor, suspended, connection } = viewOf(source)
  const opens = opensAt(source.spec.syncWindow, now)
  return {
    table,
    suspended,
    ...(cursor === undefined ? {} : { cursor }),
    ...(connection === undefined ? {} : { connection }),
    ...(opens > now ? { opensAt: opens } : {}),
  }
}

async function stateOfEngine({ engine, store }: Core): Promise<EngineState> {
  if (engine.isInForce) return engine.state()
  const resources = (await store.ledger.entries()).map((entry): ResourceState => {
    const { kind, name, at, revision, registeredAt, settled } = entry
    const desired = heldManifest(entry)
    return {
      key: keyOf(entry),
      kind,
      name,
      at,
      revision,
      registeredAt,
      outcome: { state: 'progressing' },
      removed: false,
      derived: kind === 'Table',
      ...(settled === undefined ? {} : { settled }),
      ...(desired === undefined ? {} : { desired }),
    }
  })
  const { trouble } = engine.state()
  // What follows from manifests is as unknown as they are.
  return {
    problems: [],
    resources: resources.filter(({ derived }) => !derived),
    ...(trouble === undefined ? {} : { trouble }),
  }
}

/** What a lap would find: nothing is changed, and what the plan says is still to be done. */
async function stateAtRest(parts: LocalReadParts, core: Core): Promise<EngineState> {
  const snapshot = await readOrigin(parts)
  const plan = await core.engine.plan(snapshot)
  const entries = new Map((await core.store.ledger.entries()).map((entry) => [keyOf(entry), entry]))
  const held = await heldManifests(plan, core.store)
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
  const { blocked, waitsFor, opensAt: opens, at } = planned
  if (blocked !== undefined) {
    const error = new HermesError(blocked.code, blocked.message, { at })
    return { state: 'blocked', approval: blocked.approval, error }
  }
  if (waitsFor !== undefined) return { state: 'waiting', on: waitsFor }
  return opens === undefined ? { state: 'progressing' } : { state: 'waiting', until: Date.parse(opens) }
}

function splitKey(key: Key): readonly [string, string] {
  const slash = key.indexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}
