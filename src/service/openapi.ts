import { answers } from './answers.ts'
import type { Route } from './route.ts'
import { routes } from './routes.ts'

/** The OpenAPI 3.1 description of the API, made from the routes themselves. */
export function openapi(version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/:(\w+)/g, '{$1}')}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Hermes', version, description: 'Manifests, plans and status of a running Hermes.' },
    servers: [{ url: '/' }],
    paths,
    components: { schemas: answers, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    security: [{ token: [] }],
  }
}

function operation(route: Route): object {
  const isLines = route.handle === undefined
  const contentType = isLines ? 'application/x-ndjson' : 'application/json'
  return {
    operationId: route.id,
    summary: route.summary,
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { [route.bodyType ?? 'application/json']: { schema: route.body } } } }),
    responses: {
      200: { description: 'Done.', content: { [contentType]: { schema: reference(route.answer) } } },
      default: { description: 'Not done.', content: { 'application/json': { schema: reference('Error') } } },
    },
  }
}

function parameters(schema: Route['params'], place: 'path' | 'query'): object[] {
  const properties = (schema?.properties ?? {}) as Record<string, object>
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
  }))
}

function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` }
}
