import type { Manifest } from '../manifest/manifest.ts'
import type { Outcome } from '../reconcile/controller.ts'
import type { EngineState, ResourceState } from '../reconcile/state.ts'
import type { RunFacts, RunSubject, Store } from '../store/store.ts'
import { deriveStatus, type ResourceView } from './derive-status.ts'
import type { FlowStatus, StatusReport } from './status.ts'

/** A source as far as its status goes: where its rows are, and whether it is put aside. */
export interface SourcePlace {
  readonly table: string
  readonly cursor?: string
  readonly suspended: boolean
  /** What it names in `spec.connection`. */
  readonly connection?: string
  /** When its window opens, milliseconds since the epoch; absent while it is open. */
  readonly opensAt?: number
}

export interface ReportParts {
  readonly version: string
  readonly now: number
  readonly store: Store
  readonly state: EngineState
  readonly nextDueAt: (source: string) => number | undefined
  readonly isRunning: (source: string) => boolean
  /** How workflows run, by name; none where no service runs. */
  readonly flows?: ReadonlyMap<string, FlowStatus>
  /** Undefined for what is no source. */
  readonly placeOf: (manifest: Manifest) => SourcePlace | undefined
}

/** The status of everything, from the engine, the data tables and what runs; a handful of queries for any number. */
export async function statusReport(parts: ReportParts): Promise<StatusReport> {
  const { state, now } = parts
  // What people declared; what follows from it shows up only while something is to be done about it.
  const shown = state.resources.filter(({ derived, outcome }) => !derived || outcome.state !== 'ready')
  const views = shown.map((resource) => viewOf(resource, parts))
  const sources = views.flatMap(({ name, table, view }) =>
    table === undefined ? [] : [{ source: name, ...view, table }],
  )
  const known = await observeSources(parts.store, sources)
  const names = sources.map(({ source }) => source)
  const resources = deriveStatus({
    now,
    resources: views,
    tables: tableOutcomes(state.resources),
    ...known,
    nextDue: new Map(names.flatMap((name) => pairs(name, parts.nextDueAt(name)))),
    running: new Set(names.filter((name) => parts.isRunning(name))),
  })
  const time = new Date(now).toISOString()
  const { revision = '', problems } = state
  const unread = state.revision === undefined ? { unread: unreadText(state) } : {}
  return { time, version: parts.version, revision, ...unread, resources, problems }
}

function unreadText({ trouble }: EngineState): string {
  const text = 'The manifests have not been read since the start: this is what the database says.'
  return trouble === undefined ? text : `${text} ${trouble.message}`
}

interface View extends ResourceView {
  readonly view: { readonly cursor?: string }
}

function viewOf(resource: ResourceState, { placeOf, state, flows }: ReportParts): View {
  const { kind, name, at, revision, outcome, removed, desired, held } = resource
  const place = desired === undefined ? undefined : placeOf(desired)
  const flow = kind === 'Workflow' ? flows?.get(name) : undefined
  return {
    kind,
    name,
    at,
    revision,
    removing: removed,
    ...(state.revision === undefined ? { unread: true } : {}),
    ...(held === undefined ? {} : { held }),
    suspended: place?.suspended ?? isSuspended(desired),
    ...(flow === undefined ? {} : { flow }),
    ...(outcome.state === 'progressing' ? {} : { outcome }),
    ...(place === undefined ? {} : { table: place.table }),
    ...(place?.connection === undefined ? {} : { connection: place.connection }),
    ...(place?.opensAt === undefined ? {} : { opensAt: place.opensAt }),
    view: place?.cursor === undefined ? {} : { cursor: place.cursor },
  }
}

function isSuspended(manifest: Manifest | undefined): boolean {
  return manifest?.kind === 'Workflow' && (manifest.spec as { readonly suspend?: boolean }).suspend === true
}

interface Known {
  readonly facts: ReadonlyMap<string, RunFacts>
  readonly counts: ReadonlyMap<string, number>
  readonly cursors: ReadonlyMap<string, string>
}

async function observeSources(store: Store, sources: readonly RunSubject[]): Promise<Known> {
  const withCursor = sources.filter(({ cursor }) => cursor !== undefined)
  const [facts, counts, cursors] = await Promise.all([
    store.runs.facts(sources),
    store.tables.counts(sources),
    withCursor.length === 0 ? new Map<string, string>() : store.runs.cursors(withCursor),
  ])
  return { facts, counts, cursors }
}

function tableOutcomes(resources: readonly ResourceState[]): ReadonlyMap<string, Outcome> {
  const tables = resources.filter(({ kind, outcome }) => kind === 'Table' && outcome.state !== 'progressing')
  return new Map(
    tables.flatMap(({ name, outcome }) => (outcome.state === 'progressing' ? [] : [[name, outcome] as const])),
  )
}

function pairs(name: string, value: number | undefined): readonly (readonly [string, number])[] {
  return value === undefined ? [] : [[name, value]]
}
