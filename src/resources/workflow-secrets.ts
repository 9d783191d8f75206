import { buffers, sinks, streamSources } from '../connectors/index.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { referencesIn } from '../manifest/templates.ts'
import type { JsonSchema, Secrets } from '../stream/connector.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { type Chosen, workflowView } from './workflow-view.ts'

type Registry = Readonly<Record<string, { readonly config: JsonSchema }>>

/** Names of the secrets that a workflow's connectors use, beside those of its Connection. */
export function secretsOfWorkflow(manifest: Manifest<WorkflowSpec>): readonly string[] {
  const view = workflowView(manifest)
  const found = [
    ...namesIn(streamSources, view.source),
    ...namesIn(buffers, view.buffer),
    ...view.sinks.flatMap((sink) => namesIn(sinks, sink)),
    ...(view.deadLetter === undefined ? [] : namesIn(sinks, view.deadLetter)),
  ]
  return [...new Set(found)]
}

/** Throws why the first secret of a workflow that has no value has none: `secret_missing` above all. */
export function checkWorkflowSecrets(manifest: Manifest<WorkflowSpec>, secrets: Secrets): void {
  for (const name of secretsOfWorkflow(manifest)) secrets.get(name)
}

function namesIn(registry: Registry, { type, config }: Chosen): readonly string[] {
  const schema = registry[type]?.config
  if (schema === undefined) return []
  return referencesIn(config, schema, {}).flatMap((each) =>
    each.startsWith('secrets.') ? [each.slice('secrets.'.length)] : [],
  )
}
