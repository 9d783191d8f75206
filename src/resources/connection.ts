import { connectionSchemas } from '../connectors/index.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import { referencesIn } from '../manifest/templates.ts'
import type { Controller } from '../reconcile/controller.ts'
import type { JsonSchema } from '../stream/connector.ts'
import { Registrations, registrationStep } from './registration.ts'

/** `spec` of a Connection: exactly one connection type's key. */
export type ConnectionSpec = Readonly<Record<string, unknown>>

export function connectionSchema(types: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', additionalProperties: false, 'x-one-of': Object.keys(types), properties: types }
}

/** Names of the secrets that a Connection uses. */
export function secretsOfConnection(manifest: Manifest<ConnectionSpec>): readonly string[] {
  const references = referencesIn(manifest.spec['http'], connectionSchemas.http, {})
  return references.flatMap((each) => (each.startsWith('secrets.') ? [each.slice('secrets.'.length)] : []))
}

/** Connections: nothing in the database, but everything that fetches through one waits until its secrets are there. */
export function connectionController(options: {
  /** Throws what keeps a Connection from being used; secrets above all. */
  readonly check: (connection: Manifest<ConnectionSpec>) => Promise<void>
  /** Closes what is open for a Connection that changed, or went for good. */
  readonly close: (name: string, gone: boolean) => Promise<void>
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
      await options.close(name, desired === undefined)
      if (desired === undefined) registrations.release(name)
      else registrations.set(name, desired.hash)
    },
    check: options.check,
  }
}
