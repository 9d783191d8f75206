import { buffers, sinks, steps, streamSources, validators } from '../connectors/index.ts'
import { generateScope } from '../connectors/sources/generate.ts'
import { messageScope } from '../connectors/steps/message-scope.ts'
import type { KindDefinition } from '../manifest/kind.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { checkWorkflow } from './workflow-check.ts'
import { type WorkflowConnectors, type WorkflowSpec, workflowSchema } from './workflow-spec.ts'
import { workflowWarnings } from './workflow-warnings.ts'

/** The connectors that every Workflow may be made of. */
export const workflowConnectors = { sources: streamSources, validators, steps, buffers, sinks } as const

/** What a Workflow may be, over the connectors that there are. */
export function workflowKind(connectors: WorkflowConnectors): KindDefinition {
  return {
    kind: 'Workflow',
    plural: 'workflows',
    summary: 'One running pipeline: from a source through steps and a buffer into sinks.',
    spec: workflowSchema(connectors),
    scope: () => ({ ...generateScope, ...messageScope }),
    check: (manifest) => checkWorkflow(manifest as Manifest<WorkflowSpec>),
    warnings: (manifest) => workflowWarnings(manifest as Manifest<WorkflowSpec>),
  }
}
