import { systemClock } from '../clock.ts'
import type { Config, LogLevel } from '../config.ts'
import { HermesError } from '../errors.ts'
import type { Api, Hermes, HermesOptions } from '../service/api.ts'
import { openClient } from '../service/client.ts'
import type { Environment } from './environment.ts'

/** Something that answers: a running service, or this process on the manifests and the database themselves. */
export interface Reach {
  readonly api: Api
  readonly via: 'service' | 'process'
}

export interface ReachOptions extends HermesOptions {
  readonly config: Config
  readonly environment: Environment
  /** What is logged where the settings do not say. */
  readonly logLevel?: LogLevel
}

/** Calls `use` with the service when one answers, else with a Hermes in this process, closed afterwards. */
export async function withApi<T>(options: ReachOptions, use: (reach: Reach) => Promise<T>): Promise<T> {
  const client = await runningService(options.config)
  if (client !== undefined) return use({ api: client, via: 'service' })
  return withHermes(options, (hermes) => use({ api: hermes.api, via: 'process' }))
}

/** The service, when one answers. With --server there has to be one: `service_absent`. */
export async function runningService(config: Config): Promise<Api | undefined> {
  const { server, token, readToken, socketPath } = config
  const client = openClient(server === undefined ? { socketPath } : { url: server, token: token ?? readToken })
  return server !== undefined || (await client.alive()) ? client : undefined
}

/** The service. Throws `service_absent`, with `why` it has to be one, when none answers. */
export async function requireService(config: Config, why: string): Promise<Api> {
  const api = await runningService(config)
  if (api !== undefined) return api
  throw new HermesError('service_absent', `no service answers on ${config.socketPath}, and ${why}`)
}

/** Calls `use` with a Hermes in this process; it logs only what goes wrong. */
export async function withHermes<T>(options: ReachOptions, use: (hermes: Hermes) => Promise<T>): Promise<T> {
  const { config, environment, readOnly, world } = options
  const [{ openHermes }, { openLog }] = await Promise.all([import('../hermes.ts'), import('./log.ts')])
  const log = await openLog({
    level: config.logLevel ?? options.logLevel ?? 'warn',
    format: config.logFormat,
    output: environment.stderr,
  })
  const parts = { log, clock: systemClock, environment: environment.variables }
  const looks = { readOnly: readOnly === true, ...(world === undefined ? {} : { world }) }
  await using hermes = await openHermes(config, parts, looks)
  log.maskWith((text) => hermes.mask(text))
  return await use(hermes)
}

/** What was changed in the files takes effect when somebody carries it out; told where nobody does by itself. */
export function noteWithoutService({ stderr }: Environment, { via }: Reach): void {
  if (via === 'process') stderr.write('no service runs: `hermes apply` or `hermes serve` carries it out\n')
}
