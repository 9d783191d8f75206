import { HermesError } from '../../errors.ts'
import { parseDuration } from '../../manifest/duration.ts'
import type { HttpRequest } from '../../stream/connector.ts'
import { parseJsonPath, putAt } from '../json-path.ts'
import type { HttpSourceConfig } from './http-config.ts'
import { type Place, pageParameters } from './http-pages.ts'

type Values = Readonly<Record<string, string | number | boolean>>

/** The request for one page. An address that a page named is taken as it is: it holds all parameters. */
export function pageRequest(config: HttpSourceConfig, place: Place, since: string | undefined): HttpRequest {
  const page = pageParameters(config.pagination ?? {}, place)
  const start = sinceParameter(config, since)
  const inBody = { ...inPlace(start, 'body'), ...inPlace(page, 'body') }
  const inQuery = { ...config.query, ...inPlace(start, 'query'), ...inPlace(page, 'query') }
  const body = bodyOf(config.body, inBody)
  const timeoutMs = config.timeout === undefined ? undefined : parseDuration(config.timeout)
  return {
    method: config.method,
    url: place.url ?? config.url ?? config.path ?? '',
    ...(place.url === undefined ? { query: texts(inQuery) } : {}),
    headers: { ...(body === undefined ? {} : { 'content-type': body.type }), ...config.headers },
    ...(body === undefined ? {} : { body: body.content }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    maxResponseBytes: config.maxResponseBytes,
    attempts: config.retry.attempts,
    repeatable: config.retry.post,
  }
}

interface Placed {
  readonly in: 'query' | 'body'
  readonly values: Values
}

function sinceParameter({ incremental }: HttpSourceConfig, since: string | undefined): Placed {
  if (incremental === undefined || since === undefined) return { in: 'query', values: {} }
  return { in: incremental.in, values: { [incremental.parameter]: since } }
}

function inPlace(parameters: Placed, place: 'query' | 'body'): Values {
  return parameters.in === place ? parameters.values : {}
}

function texts(values: Values): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}

function bodyOf(body: HttpSourceConfig['body'], parameters: Values): { type: string; content: string } | undefined {
  if (body?.form !== undefined) {
    const form = new URLSearchParams({ ...texts(body.form), ...texts(parameters) })
    return { type: 'application/x-www-form-urlencoded', content: form.toString() }
  }
  if (body?.text !== undefined) return { type: 'text/plain; charset=utf-8', content: body.text }
  const entries = Object.entries(parameters)
  if (body?.json === undefined && entries.length === 0) return undefined
  const json = entries.reduce((value, [path, leaf]) => putAt(value, parseJsonPath(path), leaf), body?.json)
  return { type: 'application/json', content: JSON.stringify(json) }
}

/** Throws `invalid_value` for settings that fit their schema and not each other. */
export function checkRequest(config: HttpSourceConfig): void {
  const { pagination = {}, incremental, body, method } = config
  const places = [pagination.page?.in, pagination.offset?.in, pagination.cursor?.in, incremental?.in]
  if (body?.text !== undefined && places.includes('body')) {
    throw new HermesError('invalid_value', 'http.body.text cannot take a parameter: use json or form, or in: query')
  }
  if (method === 'GET' && (body !== undefined || places.includes('body'))) {
    throw new HermesError('invalid_value', 'http.method GET has no body: use POST, or in: query')
  }
}
