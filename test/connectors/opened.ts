import { Ajv2020 } from 'ajv/dist/2020.js'
import { type Clock, systemClock } from '../../src/clock.ts'
import { type HttpServices, httpConnection } from '../../src/connectors/http-client.ts'
import type { HttpConnectionConfig } from '../../src/connectors/http-connection-config.ts'
import { connectionSchemas, sources } from '../../src/connectors/index.ts'
import type { Batch } from '../../src/stream/batch.ts'
import type { Context, JsonSchema, Log } from '../../src/stream/connector.ts'
import type { Source } from '../../src/stream/source.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent }

export const services: HttpServices = { clock: systemClock, log: silent, version: '1.2.3' }

const ajv = new Ajv2020({ useDefaults: true, strict: false, allErrors: true })
ajv.addFormat('duration', true)

/** A config as the schema allows it, its defaults filled in. */
export function configured(schema: JsonSchema, config: unknown): unknown {
  const validate = ajv.compile(schema)
  const copy: unknown = structuredClone(config)
  if (!validate(copy)) throw new Error(ajv.errorsText(validate.errors))
  return copy
}

export function connection(config: object, clock: Clock = systemClock): ReturnType<typeof httpConnection> {
  const url = { url: 'http://127.0.0.1:1' }
  const { url: address, ...full } = configured(connectionSchemas.http, { ...url, ...config }) as HttpConnectionConfig
  return httpConnection('url' in config ? { ...full, url: address ?? '' } : full, { ...services, clock })
}

function refuse(): never {
  throw new Error('not part of this test')
}

export function contextOf(parts: Partial<Context>): Context {
  return {
    clock: systemClock,
    log: silent,
    secrets: { get: refuse },
    http: { request: refuse },
    tables: { writer: refuse },
    ...parts,
  }
}

export function openSource(type: keyof typeof sources, config: object, parts: Partial<Context> = {}): Promise<Source> {
  const connector = sources[type]
  return connector.open(configured(connector.config, config) as never, contextOf(parts))
}

export const never = new AbortController().signal

export async function batches(source: Source, from?: unknown): Promise<Batch[]> {
  return Array.fromAsync(source.read(from, never, never))
}

export async function records(source: Source, from?: unknown): Promise<unknown[]> {
  return (await batches(source, from)).flatMap((batch) => [...batch.values()])
}
