import { buffers, streamSources } from '../connectors/index.ts'
import { type ErrorCode, errorTable } from '../errors.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { type Chosen, routesGiven, workflowView } from './workflow-view.ts'

/**
 * What of a workflow may be lost: what a source sends that cannot be asked again, when nothing behind it outlives the
 * process. Undefined when nothing is.
 */
export function mayBeLost({ spec }: Pick<Manifest<WorkflowSpec>, 'spec'>): string | undefined {
  const { source, buffer } = workflowView({ spec })
  const { volatile } = (streamSources as unknown as Registry)[source.type] ?? {}
  const isVolatile = typeof volatile === 'function' ? volatile(source.config) : volatile === true
  if (!isVolatile || (buffers as unknown as Registry)[buffer.type]?.durable === true) return undefined
  return `what ${source.type} sends is lost with the process, or while a sink is away for long`
}

/** What a person should know of a workflow in which nothing is wrong. */
export function workflowWarnings(manifest: Manifest<WorkflowSpec>): Problem[] {
  if (manifest.spec.suspend) return []
  const lost = mayBeLost(manifest)
  return [
    ...(lost === undefined ? [] : [warning(manifest, 'volatile_source', 'spec.source', lost)]),
    ...unusedRoutes(manifest),
  ]
}

/** A sink that nothing is routed to gets nothing. */
function unusedRoutes(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { steps, sinks } = workflowView(manifest)
  const given = new Set(steps.flatMap(routesGiven))
  return sinks.flatMap(({ index, name, routes }) => {
    if (routes === undefined || given.has(name) || routes.some((route) => given.has(route))) return []
    const none = `no step gives the route ${routes.join(' or ')}: the sink ${name} gets nothing`
    return [warning(manifest, 'route_unused', `spec.sinks[${index}].routes`, none)]
  })
}

function warning(manifest: Manifest, code: ErrorCode, path: string, message: string): Problem {
  return { code, message: `${path}: ${message}`, at: manifest.locate(path), path, fix: errorTable[code].fix }
}

type Registry = Readonly<
  Record<string, { readonly volatile?: true | ((config: Chosen['config']) => boolean); readonly durable?: boolean }>
>
