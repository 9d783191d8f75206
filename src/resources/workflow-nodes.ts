import { HermesError } from '../errors.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { didYouMean } from '../manifest/suggest.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { workflowView } from './workflow-view.ts'

/** The nodes that messages of a workflow pass, in their order: `source`, `validate`, `steps[0].filter`, `sinks.cold`. */
export function workflowNodes(manifest: Pick<Manifest<WorkflowSpec>, 'spec'>): readonly string[] {
  const { validate, key, idempotencyKey, steps, sinks } = workflowView(manifest)
  return [
    'source',
    ...(validate === undefined ? [] : ['validate']),
    ...(key === undefined && idempotencyKey === undefined ? [] : ['delivery']),
    ...steps.map(({ type }, index) => `steps[${index}].${type}`),
    ...sinks.map(({ name }) => `sinks.${name}`),
  ]
}

/**
 * The node that a person means by its name, a sink's own name, or a step without its type: `cold`, `steps[0]`. Throws
 * `not_found`.
 */
export function nodeMeant(given: string, nodes: readonly string[]): string {
  const found = nodes.find((node) => node === given || node === `sinks.${given}` || node.startsWith(`${given}.`))
  if (found !== undefined) return found
  throw new HermesError('not_found', `there is no node ${given}${didYouMean(given, nodes)}`, {
    fix: `Name one of ${nodes.join(', ')}.`,
  })
}
