import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { version } from './cli/version.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { type Core, openCore } from './core.ts'
import { HermesError } from './errors.ts'
import { localApi, status } from './local-api.ts'
import { applyOnce } from './local-apply.ts'
import { previewSource } from './local-preview.ts'
import type { RunListener } from './local-serve.ts'
import { manifestReader } from './manifest/read.ts'
import { secretStore } from './manifest/secrets.ts'
import { type WriteBack, writeBack } from './observe/write-back.ts'
import { directoryOrigin } from './origin/directory.ts'
import type { FetchReport } from './resources/fetch.ts'
import { kinds } from './resources/kinds.ts'
import type { Hermes, HermesOptions, ValidateReport } from './service/api.ts'
import { openStore } from './store/open.ts'
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
  const secrets = secretStore({ environment: parts.environment, directory: config.secretsDir })
  const read = manifestReader(kinds)
  const origin = closing.use(directoryOrigin({ root: config.manifestsDir, read, clock, log }))
  const listeners = new Set<RunListener>()
  let opening: Promise<Core> | undefined
  let live = false

  async function openParts(): Promise<Core> {
    const url = options.readOnly === true ? await readableDatabase(config.database, closing) : config.database
    if (url.startsWith('sqlite:')) await mkdir(dirname(url.slice('sqlite:'.length)), { recursive: true })
    const store = closing.use(await openStore(url, { clock }))
    const onRun = (source: string, report: FetchReport): void => {
      logRun(log, source, report)
      for (const listener of listeners) listener(source, report)
    }
    return closing.use(openCore({ config, store, origin, secrets, clock, log, version: version(), onRun }))
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
  const apiParts = { config, origin, read, clock, version: version(), core, live: () => live }
  const api = localApi(apiParts)

  return {
    api,
    mask: (text) => secrets.mask(text),
    validate: (path) => validate(path ?? config.manifestsDir),
    preview: (file, preview, signal) =>
      previewSource({ config, origin, secrets, clock, log, read }, file, preview, signal),
    apply: async (apply, signal, onProgress) => {
      const report = await applyOnce(await core(), { origin, ...apply, signal, ...(onProgress && { onProgress }) })
      await statusFiles().write(await status(apiParts))
      return report
    },
    serve: async (signals, onReady) => {
      const { serveUntil } = await import('./local-serve.ts')
      const more = { api, log, statusFiles, onRun: hear, goLive }
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

  async function validate(path: string): Promise<ValidateReport> {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) throw new HermesError('not_found', `${path} does not exist`)
    const isFile = found.isFile()
    await using from = directoryOrigin({ root: isFile ? dirname(path) : path, read, clock, log })
    const snapshot = await from.read(new AbortController().signal)
    const inside = ({ at }: { at: { file: string } }): boolean => !isFile || join(dirname(path), at.file) === path
    const manifests = snapshot.manifests.filter(inside)
    const problems = snapshot.problems.filter(inside)
    const files = new Set([...manifests, ...problems].map(({ at }) => at.file)).size
    return { files, manifests: manifests.length, problems }
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
