import { HermesError } from '../../src/errors.ts'
import type { ManifestTree } from '../../src/manifest/manifest-tree.ts'
import type { Plan } from '../../src/reconcile/plan.ts'
import type { Api, ManifestView, WriteResult } from '../../src/service/api.ts'
import type { DeadLetterApi, LetterSummary } from '../../src/service/dead-letter-api.ts'
import type { TapOptions, TapSample } from '../../src/service/tap-api.ts'

const paperLetter: LetterSummary = {
  id: '018bcfe56800-00',
  at: new Date(0).toISOString(),
  stage: 'sinks.cold',
  reason: 'it has no value in id',
  attempts: 1,
  bytes: 2,
  excerpt: '{}',
}

/** An `Api` over a map of manifests: what the service needs to be asked about, and nothing behind it. */
export class PaperApi implements Api {
  readonly files = new Map<string, ManifestView>()
  readonly suspended = new Set<string>()
  readonly reconciled: (readonly string[] | undefined)[] = []
  /** Pages that a run makes, and how long each takes. */
  pages = 3
  pageMs = 1

  async status() {
    const resources = [...this.files.values()].map(({ kind, name, file, line }) => ({
      kind,
      name,
      state: this.suspended.has(`${kind}/${name}`) ? ('suspended' as const) : ('ready' as const),
      reason: 'Reconciled',
      message: 'It is as its manifest says.',
      revision: 'sha256:00',
      at: { file, line, column: 1 },
      conditions: [],
      table: name,
      rows: 3,
    }))
    return { time: new Date(0).toISOString(), version: '1.2.3', revision: 'sha256:00', resources, problems: [] }
  }

  async plan(tree?: ManifestTree): Promise<Plan> {
    const unchanged = tree === undefined ? this.files.size : tree.files.length
    const summary = { create: 0, change: 0, remove: 0, blocked: 0, unchanged }
    return { revision: 'sha256:00', hash: '00', resources: [], held: [], problems: [], summary }
  }

  async state() {
    const time = new Date(0).toISOString()
    return { format: 'hermes-state', version: 1, hermes: '1.2.3', time, dialect: 'sqlite', entries: [], tables: [] }
  }

  async manifests() {
    return [...this.files.values()]
  }

  async add(text: string) {
    return this.#write(text, 'added')
  }

  async update(text: string) {
    return this.#write(text, 'updated')
  }

  async delete(key: string): Promise<WriteResult> {
    const { file } = this.#known(key)
    this.files.delete(key)
    return { file, key, action: 'deleted' }
  }

  async suspend(key: string, suspended: boolean): Promise<WriteResult> {
    const { file } = this.#known(key)
    if (suspended) this.suspended.add(key)
    else this.suspended.delete(key)
    return { file, key, action: 'updated' }
  }

  async tap(workflow: string, { at = 'source', count = 2 }: TapOptions): Promise<AsyncIterable<TapSample>> {
    if (workflow !== 'prices') throw new HermesError('not_found', `there is no workflow ${workflow}`)
    const sample = { at: new Date(0).toISOString(), node: at, bytes: 2, payload: '{}', isCut: false, skipped: 0 }
    return (async function* () {
      for (let given = 0; given < count; given += 1) yield sample
    })()
  }

  async approve(hash: string) {
    if (hash === 'good') return ['SourceDefinition/prices']
    throw new HermesError('approval_stale', `no pending change has the hash ${hash}`)
  }

  async rows(source: string, limit: number) {
    this.#known(`SourceDefinition/${source}`)
    const rows = [{ id: 9_007_199_254_740_993n, bytes: new Uint8Array([1, 2]), price: '0.10' }, { id: 2n }, { id: 3n }]
    return rows.slice(0, limit)
  }

  async reconcile(keys?: readonly string[]) {
    this.reconciled.push(keys)
  }

  async run(source: string, signal: AbortSignal, onProgress?: (progress: { rows: number; pages: number }) => void) {
    this.#known(`SourceDefinition/${source}`)
    for (let pages = 1; pages <= this.pages; pages += 1) {
      await new Promise((resolve) => setTimeout(resolve, this.pageMs))
      signal.throwIfAborted()
      onProgress?.({ rows: pages * 10, pages })
      if (source === 'breaks' && pages === 2) throw new HermesError('http_timeout', 'page 2 did not come')
    }
    return { name: source, table: source, rows: this.pages * 10, pages: this.pages, seconds: 0.1 }
  }

  async events(key?: string) {
    const at = new Date(0).toISOString()
    const told = { type: 'warning' as const, reason: 'HttpTimeout', message: 'late', count: 2, firstAt: at, lastAt: at }
    const all = [{ ...told, key: 'SourceDefinition/prices' }, told]
    return key === undefined ? all : all.filter((each) => 'key' in each && each.key === key)
  }

  /** A letter of every workflow; tests with more to ask put another part in its place. */
  deadLetters: DeadLetterApi = {
    list: async () => [paperLetter],
    show: async () => ({ ...paperLetter, position: { at: 1 }, payload: '{}', encoding: 'utf-8' }),
    drop: async () => ({ letters: 1 }),
    retry: async () => ({ letters: 1 }),
  }

  async trace(table: string) {
    const { file, line } = this.#known(`SourceDefinition/${table}`)
    const commit = { id: 'c0ffee', author: 'Ada', date: '2026-01-31T12:00:00+01:00', subject: 'Add prices' }
    const at = { file, line, column: 1 }
    return {
      table,
      sources: [{ name: table, state: 'ready' as const, rows: 3, at, revision: 'main@sha1:c0ffee', commit }],
    }
  }

  /** Manifests are `Kind/name`, one a line: what is in them is none of the service's business. */
  #write(text: string, action: 'added' | 'updated'): WriteResult[] {
    const keys = text.trim().split('\n')
    const wrong = keys.findIndex((key) => !key.includes('/'))
    if (wrong >= 0) {
      const at = { file: 'new.yaml', line: wrong + 1, column: 1 }
      throw new HermesError('not_a_manifest', `${keys[wrong]} is none`, { at, fix: 'Write Kind/name.' })
    }
    return keys.map((key) => {
      if (action === 'added' && this.files.has(key)) throw new HermesError('already_exists', `${key} exists already`)
      const [kind = '', name = ''] = key.split('/')
      this.files.set(key, { kind, name, file: `${name}.yaml`, line: 1, text: key })
      return { file: `${name}.yaml`, key, action }
    })
  }

  #known(key: string): ManifestView {
    const view = this.files.get(key)
    if (view === undefined) throw new HermesError('not_found', `there is no ${key}`)
    return view
  }
}
