import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { version } from './cli/version.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { type Core, openCore } from './core.ts'
import { toHermesError } from './errors.ts'
import { gitHooks, openCommitStatus } from './git-host.ts'
import { letterRetry } from './letter-retry.ts'
import { localApi } from './local-api.ts'
import { applyOnce } from './local-apply.ts'
import { lookIntoBuffer } from './local-buffer.ts'
import { previewSource } from './local-preview.ts'
import type { RunListener } from './local-serve.ts'
import { status } from './local-status.ts'
import { testWorkflows } from './local-test.ts'
import { localValidate } from './local-validate.ts'
import { OriginSecrets } from './manifest/origin-secrets.ts'
import { manifestReader } from './manifest/read.ts'
import { secretStore } from './manifest/secrets.ts'
import { EventLog } from './observe/events.ts'
import type { StatusBranch } from './observe/status-branch.ts'
import { type WriteBack, writeBack } from './observe/write-back.ts'
import { openOrigin } from './open-origin.ts'
import { openStatusBranch } from './open-status-branch.ts'
import { pinnable } from './origin/pinnable.ts'
import { readTree, snapshotOfTree } from './origin/tree.ts'
import { withSecrets } from './origin/with-secrets.ts'
import type { FetchReport } from './resources/fetch.ts'
import { kinds } from './resources/kinds.ts'
import type { Hermes, HermesOptions, StatusReport } from './service/api.ts'
import { openRouteTable } from './service/hooks/route-table.ts'
import { emptyWorld, parseState } from './state-document.ts'
import { openStore } from './store/open.ts'
import { recordedStore } from './store/recorded-store.ts'
import type { Store } from './store/store.ts'
import type { Log } from './stream/connector.ts'

export interface HermesParts {
  readonly clock: Clock
  readonly log: Log
  /** Environment variables: secrets may stand there. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Builds Hermes. Nothing runs yet, and the database is opened when it is first needed. */
export async function openHermes(config: Config, parts: HermesParts, options: HermesOptions = {}): Promise<Hermes> {
  const { clock, log } = parts
  const closing = new AsyncDisposableStack()
  // What Hermes itself needs for reading manifests cannot lie among them: `secrets` are those of this machine.
  const secrets = secretStore({ environment: parts.environment, directory: config.secretsDir })
  const originSecrets = new OriginSecrets({ local: secrets, keysNeeded: options.readOnly !== true })
  const read = manifestReader(kinds)
  const { environment } = parts
  let stopping = new AbortController().signal
  const originParts = { config, read, clock, log, secrets, environment, stopping: () => stopping }
  const opened = closing.use(await openOrigin(originParts))
  const origin = pinnable(withSecrets(opened, originSecrets, clock))
  const listeners = new Set<RunListener>()
  let opening: Promise<Core> | undefined
  let live = false

  async function openParts(): Promise<Core> {
    const store = closing.use(await openWorld())
    const onRun = (source: string, report: FetchReport): void => {
      logRun(log, source, report)
      for (const listener of listeners) listener(source, report)
    }
    const coreParts = { config, store, origin, secrets: originSecrets, clock, log, version: version(), routes, onRun }
    return closing.use(openCore(coreParts))
  }
  async function openWorld(): Promise<Store> {
    const { world } = options
    if (world !== undefined)
      return recordedStore(world === 'empty' ? emptyWorld(config.database) : parseState(world.state))
    const url = options.readOnly === true ? await readableDatabase(config.database, closing) : config.database
    if (url.startsWith('sqlite:')) await mkdir(dirname(url.slice('sqlite:'.length)), { recursive: true })
    return openStore(url, { clock })
  }
  const hear = (listener: RunListener): void => void listeners.add(listener)
  const goLive = (now: boolean): void => {
    live = now
  }
  const core = (): Promise<Core> => {
    opening ??= openParts().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  const routes = openRouteTable()
  let eventLog: EventLog | undefined
  const place = opened.place === undefined ? {} : { place: opened.place }
  const apiParts = {
    config,
    origin,
    ...place,
    read,
    clock,
    version: version(),
    core,
    live: () => live,
    mask: (text: string) => originSecrets.mask(text),
    letterRetry: () => (live ? letterRetry(async () => (await core()).workflows.runner) : undefined),
    stopping: () => stopping,
    events: () => eventLog,
  }
  const api = localApi(apiParts)

  return {
    api,
    mask: (text) => secrets.mask(text),
    validate: (path) => localValidate({ config, origin, read, secrets: originSecrets, clock, log }, path),
    readTree: async (directory) => {
      const { tree, problems } = await readTree(directory, read)
      return { tree, problems: [...problems, ...(await snapshotOfTree(tree, read)).problems] }
    },
    preview: (file, preview, signal) =>
      previewSource({ config, origin, secrets: originSecrets, clock, log, read }, file, preview, signal),
    apply: async (apply, signal, onProgress) => {
      const report = await applyOnce(await core(), { origin, ...apply, signal, ...(onProgress && { onProgress }) })
      // The engine that has just run knows what failed; what would be planned now does not.
      const now = await status({ ...apiParts, live: () => true })
      await statusFiles().write(now)
      await publish(now, signal)
      return report
    },
    buffer: (which, verify, watch = {}) => lookIntoBuffer({ config, origin }, which, verify, watch),
    test: (choice, signal, onProgress) => testWorkflows({ config, read, clock, log }, choice, signal, onProgress),
    serve: async (signals, onReady) => {
      const { serveUntil } = await import('./local-serve.ts')
      stopping = signals.stop
      eventLog = new EventLog(clock, (text) => secrets.mask(text))
      const hostParts = { config, secrets, clock, log }
      const host = { hooks: gitHooks(hostParts, origin), commitStatus: () => openCommitStatus(hostParts) }
      const more = { api, log, routes, eventLog, statusFiles, statusBranch, ...host, onRun: hear, goLive }
      await serveUntil({ ...apiParts, ...more }, signals, onReady)
    },
    [Symbol.asyncDispose]: async () => {
      await opening?.catch(() => undefined)
      await closing.disposeAsync()
    },
  }

  function statusFiles(): WriteBack {
    return writeBack({
      dir: config.statusDir,
      onTrouble: (error) => log.warn({ dir: config.statusDir, error: error.message }, 'status cannot be written back'),
    })
  }

  function statusBranch(): StatusBranch | undefined {
    return openStatusBranch({ config, clock, log, secrets, environment })
  }

  async function publish(report: StatusReport, signal: AbortSignal): Promise<void> {
    await using branch = statusBranch()
    await branch?.publish(report, signal).catch((thrown: unknown) => {
      signal.throwIfAborted()
      const { code, message } = toHermesError(thrown)
      log.warn({ branch: config.git?.status?.branch, code, error: message }, 'status branch not written')
    })
  }
}

/** The database itself, or an empty one of its own for a command that only looks and finds none. */
async function readableDatabase(url: string, closing: AsyncDisposableStack): Promise<string> {
  if (!url.startsWith('sqlite:') || (await stat(url.slice('sqlite:'.length)).catch(() => undefined)) !== undefined)
    return url
  const directory = await mkdtemp(join(tmpdir(), 'hermes-empty-'))
  closing.defer(() => rm(directory, { recursive: true, force: true }))
  return `sqlite:${join(directory, 'hermes.db')}`
}

function logRun(log: Log, source: string, { outcome, rows, pages, ms, error }: FetchReport): void {
  if (error === undefined)
    log.info({ source, rows, pages, ms }, outcome === 'finished' ? 'fetched' : 'fetch interrupted')
  else log.warn({ source, rows, pages, ms, code: error.code, error: error.message }, 'fetch failed')
}
