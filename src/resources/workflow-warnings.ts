import { buffers, streamSources } from '../connectors/index.ts'
import { errorTable } from '../errors.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { type Chosen, workflowView } from './workflow-view.ts'

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
  const lost = mayBeLost(manifest)
  if (lost === undefined || manifest.spec.suspend) return []
  const path = 'spec.source'
  const { fix } = errorTable.volatile_source
  return [{ code: 'volatile_source', message: `${path}: ${lost}`, at: manifest.locate(path), path, fix }]
}

type Registry = Readonly<
  Record<string, { readonly volatile?: true | ((config: Chosen['config']) => boolean); readonly durable?: boolean }>
>
