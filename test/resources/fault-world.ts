import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import type { Config } from '../../src/config.ts'
import { httpConnection } from '../../src/connectors/http-client.ts'
import type { Manifest } from '../../src/manifest/manifest.ts'
import { manifestReader } from '../../src/manifest/read.ts'
import { secretStore } from '../../src/manifest/secrets.ts'
import { openWorkflows, type Workflows } from '../../src/open-workflows.ts'
import { ConnectionPool } from '../../src/resources/connection-pool.ts'
import { DatabasePool } from '../../src/resources/database-pool.ts'
import { kinds } from '../../src/resources/kinds.ts'
import type { WorkflowHealth } from '../../src/resources/workflow-run.ts'
import type { WorkflowSpec } from '../../src/resources/workflow-spec.ts'
import { openRouteTable } from '../../src/service/hooks/route-table.ts'
import { openGuestTables, openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { quiet } from '../quiet-log.ts'

const NAME = 'w'
/** Messages a second. */
const RATE = 400
export const KEYS = 5

export interface FaultWorldOptions {
  /** The sink that is to fail, its connector's key and settings: `redis: { … }`. */
  readonly sink: string
  /** Hermes' own database; a SQLite file when absent. */
  readonly database?: string
  readonly buffer?: string
}

/**
 * A workflow of two sinks, `faulty` and a file, `healthy`, with everything that a service has around it but the engine: a
 * store, connections, a runner. Messages are numbered.
 */
export class FaultWorld implements AsyncDisposable {
  readonly #directory: string
  readonly #manifest: Manifest<WorkflowSpec>
  readonly #closing = new AsyncDisposableStack()
  readonly store: Store
  readonly #workflows: Workflows

  private constructor(directory: string, store: Store, manifest: Manifest<WorkflowSpec>) {
    this.#directory = directory
    this.#manifest = manifest
    this.store = store
    this.#closing.defer(() => rm(directory, { recursive: true, force: true }))
    this.#closing.use(store)
    const services = { clock: systemClock, log: quiet }
    const connections = this.#closing.use(
      new ConnectionPool({
        resolve: () => ({}),
        open: (config) => httpConnection(config, services),
        lookup: () => undefined,
      }),
    )
    const noUrl = { resolve: () => '', open: (url: string) => openGuestTables(url), lookup: () => undefined }
    this.#workflows = openWorkflows({
      ...services,
      config: { manifestsDir: directory, dataDir: join(directory, 'data') } as Config,
      store,
      connections,
      databases: this.#closing.use(new DatabasePool(noUrl)),
      checkConnections: () => undefined,
      routes: openRouteTable(),
      secrets: secretStore({ environment: {}, directory }),
      onChange: () => undefined,
    })
    this.#closing.use(this.#workflows.runner)
    this.#workflows.runner.start()
  }

  static async open({ sink, database, buffer = 'file: {}' }: FaultWorldOptions): Promise<FaultWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'hermes-faults-'))
    await mkdir(join(directory, 'data'))
    const store = await openStore(database ?? `sqlite:${join(directory, 'data', 'hermes.db')}`)
    return new FaultWorld(directory, store, manifestOf(sink, buffer))
  }

  /** Has the workflow run, from where it was. */
  start(): void {
    this.#workflows.runner.ensure(this.#manifest)
  }

  /** Drains within a second. Resolves to how many milliseconds it took. */
  async stop(): Promise<number> {
    const began = performance.now()
    await this.#workflows.runner.stop(NAME)
    return performance.now() - began
  }

  get health(): WorkflowHealth | undefined {
    return this.#workflows.runner.health(NAME)
  }

  get faulty(): WorkflowHealth['sinks'][number] | undefined {
    return this.health?.sinks.find(({ name }) => name === 'faulty')
  }

  /** What the healthy sink has, in its order. */
  async healthy(): Promise<readonly number[]> {
    const text = await readFile(join(this.#directory, 'healthy.jsonl'), 'utf8').catch(() => '')
    return text.split('\n').slice(0, -1).map(Number)
  }

  async deadLetters(): Promise<number> {
    return (await this.store.deadLetters.counts()).get(NAME) ?? 0
  }

  /** Waits until `met`; throws with the health after so many milliseconds. */
  async until(what: string, met: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
    for (const end = Date.now() + ms; !(await met()); await delay(50)) {
      if (Date.now() < end) continue
      const { phase, error, sinks, depth } = this.health ?? {}
      throw new Error(`not within ${ms} ms: ${what}; ${JSON.stringify({ phase, error: error?.message, sinks, depth })}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync()
  }
}

const read = manifestReader(kinds)

function manifestOf(sink: string, buffer: string): Manifest<WorkflowSpec> {
  const { manifests, problems } = read(
    `
apiVersion: hermes/v1
kind: Workflow
metadata: { name: ${NAME} }
spec:
  source: { generate: { expression: '{"id": index, "key": index % ${KEYS}}', rate: { perSecond: ${RATE} }, batch: 20 } }
  buffer: { ${buffer} }
  delivery:
    key: string(message.key)
    idempotencyKey: string(message.id)
    retry: { first: 50ms, longest: 300ms }
    breaker: { failures: 2 }
    drain: 1s
  sinks:
    - { name: faulty, ${sink} }
    - { name: healthy, file: { path: healthy.jsonl, format: csv, csv: { columns: [id], header: false } } }
`,
    'w.yaml',
  )
  const [manifest] = manifests
  if (manifest === undefined) throw new Error(JSON.stringify(problems))
  return manifest as Manifest<WorkflowSpec>
}
