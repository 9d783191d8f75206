import { resolve } from 'node:path'
import type { DatabaseConnectionConfig } from '../connectors/database-connection-config.ts'
import type { HttpConnectionConfig } from '../connectors/http-connection-config.ts'
import { connectionSchemas } from '../connectors/index.ts'
import { HermesError } from '../errors.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import { referencesIn, resolveTemplates } from '../manifest/templates.ts'
import type { Controller } from '../reconcile/controller.ts'
import type { JsonSchema, Secrets } from '../stream/connector.ts'
import { Registrations, registrationStep } from './registration.ts'

/** `spec` of a Connection: exactly one connection type's key. */
export type ConnectionSpec = Readonly<Record<string, unknown>>

export function connectionSchema(types: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', additionalProperties: false, 'x-one-of': Object.keys(types), properties: types }
}

/** Names of the secrets that a Connection uses. */
export function secretsOfConnection(manifest: Manifest<ConnectionSpec>): readonly string[] {
  const references = Object.entries(connectionSchemas).flatMap(([type, schema]) =>
    referencesIn(manifest.spec[type], schema, {}),
  )
  return references.flatMap((each) => (each.startsWith('secrets.') ? [each.slice('secrets.'.length)] : []))
}

/** A Connection's `http` section with its secrets; the client of what names no Connection has no settings. */
export function connectionConfig(
  manifest: Manifest<ConnectionSpec> | undefined,
  secrets: Secrets,
): HttpConnectionConfig {
  if (manifest === undefined) return {}
  checkConnectionType(manifest, 'http')
  const config = manifest.spec['http'] as HttpConnectionConfig
  return resolveTemplates(config, connectionSchemas.http, { secrets })
}

export interface DatabaseUrlParts {
  readonly secrets: Secrets
  /** What relative paths start from. */
  readonly root: string
}

/** The address of a Connection's database, with its secrets. */
export function databaseUrl(manifest: Manifest<ConnectionSpec>, { secrets, root }: DatabaseUrlParts): string {
  checkConnectionType(manifest, 'database')
  const config = manifest.spec['database'] as DatabaseConnectionConfig
  const { url } = resolveTemplates(config, connectionSchemas.database, { secrets })
  const path = /^sqlite:(.+)$/s.exec(url)?.[1]
  return path === undefined ? url : `sqlite:${resolve(root, path)}`
}

/** What a Connection can be for. */
export type ConnectionType = keyof typeof connectionSchemas

/** Throws `wrong_connection` for a Connection that is not of this type. */
export function checkConnectionType({ name, spec }: Manifest<ConnectionSpec>, wanted: ConnectionType): void {
  if (spec[wanted] !== undefined) return
  const [is = 'nothing'] = Object.keys(spec)
  throw new HermesError('wrong_connection', `Connection/${name} is for ${is}, and ${wanted} is needed here`)
}

/** Connections: nothing in the database, but everything that fetches through one waits until its secrets are there. */
export function connectionController(options: {
  /** Throws what keeps a Connection from being used; secrets above all. */
  readonly check: (connection: Manifest<ConnectionSpec>) => Promise<void>
  /** Closes what is open for a Connection that changed, and is `desired` from now on, or went for good. */
  readonly close: (name: string, desired: Manifest<ConnectionSpec> | undefined) => Promise<void>
}): Controller<ConnectionSpec, string | undefined> {
  const registrations = new Registrations()
  return {
    kind: 'Connection',
    references: () => [] as Key[],
    observe: async (subjects) => new Map(subjects.map((subject) => [subject.name, registrations.hash(subject)])),
    plan: (subject, hash) => {
      const step = registrationStep(subject, hash, {
        create: () => 'use it',
        change: () => 'use it as changed',
        remove: 'close it',
      })
      return step === undefined ? [] : [step]
    },
    apply: async ({ name, desired }) => {
      await options.close(name, desired)
      if (desired === undefined) registrations.release(name)
      else registrations.set(name, desired.hash)
    },
    check: options.check,
  }
}
