import { isAbsolute, resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import { sources } from '../connectors/index.ts'
import { HermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { runVariables } from '../manifest/scope.ts'
import { referencesIn, resolveTemplates } from '../manifest/templates.ts'
import type { Connector, Context, JsonSchema, Log, Secrets, Tables } from '../stream/connector.ts'
import type { Source } from '../stream/source.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { besideRepository } from './source-beside-repository.ts'
import type { SourceSpec } from './source-spec.ts'
import { viewOf } from './source-view.ts'

/** What expressions see of a run. */
export interface RunVariables {
  readonly startedAt: number
  /** Greatest value of the cursor column so far. */
  readonly cursor?: string
}

export interface OpenSourceParts {
  readonly connections: ConnectionPool
  readonly clock: Clock
  readonly log: Log
  readonly secrets: Secrets
  /** What relative file paths start from. */
  readonly root: string
  /** Whether manifests are in a repository, and what relative paths start from is not where they are. */
  readonly inRepository?: boolean
}

type AnyConnector = Connector<Source, unknown>

/** Everything a run's connectors may use. */
export async function contextFor(
  parts: OpenSourceParts,
  manifest: Manifest<SourceSpec>,
  run: RunVariables,
  tables: Tables,
): Promise<Context> {
  const { clock, secrets } = parts
  const log = parts.log.child({ source: manifest.name })
  const http = await parts.connections.client(viewOf(manifest).connection)
  return { clock, log, secrets, http, tables, ...(run.cursor === undefined ? {} : { cursor: run.cursor }) }
}

/** Opens a source's connector with its expressions and secrets resolved for one run. */
export async function openSource(
  parts: OpenSourceParts,
  manifest: Manifest<SourceSpec>,
  run: RunVariables,
  context: Context,
): Promise<Source> {
  const { type, config } = viewOf(manifest).connector
  const connector = connectorFor(type)
  const variables = {
    params: manifest.spec.params ?? {},
    run: runVariables(run.startedAt),
    secrets: parts.secrets,
    cursor: run.cursor ?? '',
  }
  const resolved = resolveTemplates(config, connector.config, variables)
  const { config: located, relative } = withAbsolutePaths(resolved, connector.config, parts.root)
  const source = await connector.open(located, context)
  const isBeside = parts.inRepository === true && relative.length > 0
  return isBeside ? besideRepository(source, { root: parts.root, relative }) : source
}

const secretNames = new WeakMap<object, readonly string[]>()

/** Names of the secrets that a source's connector uses, beside those of its Connection. */
export function secretsOf(manifest: Manifest<SourceSpec>): readonly string[] {
  const known = secretNames.get(manifest.spec) ?? secretsIn(manifest)
  secretNames.set(manifest.spec, known)
  return known
}

/** Throws why the first secret of a source's connector that has no value has none: `secret_missing` above all. */
export function checkSecrets(manifest: Manifest<SourceSpec>, secrets: Secrets): void {
  for (const name of secretsOf(manifest)) secrets.get(name)
}

function secretsIn(manifest: Manifest<SourceSpec>): readonly string[] {
  const { type, config } = viewOf(manifest).connector
  const scope = { params: 'dyn', run: 'dyn', cursor: 'string' } as const
  const references = referencesIn(config, connectorFor(type).config, scope)
  return references.flatMap((each) => (each.startsWith('secrets.') ? [each.slice('secrets.'.length)] : []))
}

function connectorFor(type: string): AnyConnector {
  const connector = (sources as unknown as Readonly<Record<string, AnyConnector>>)[type]
  if (connector === undefined) throw new HermesError('internal', `no source connector ${type}`)
  return connector
}

/** Fields that the connector's schema marks with `x-path` start from `root` when they are relative. */
function withAbsolutePaths(config: Fields, schema: JsonSchema, root: string): Located {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
  const names = Object.keys(properties).filter((name) => properties[name]?.['x-path'] === true)
  const paths = names.flatMap((name) => {
    const path = config[name]
    return typeof path === 'string' ? [[name, path] as const] : []
  })
  return {
    config: { ...config, ...Object.fromEntries(paths.map(([name, path]) => [name, resolve(root, path)])) },
    relative: paths.flatMap(([, path]) => (isAbsolute(path) ? [] : [path])),
  }
}

interface Located {
  readonly config: Fields
  /** The paths that were relative, as they were given. */
  readonly relative: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>
