import { resolve } from 'node:path'
import { MessageVariables, messageExpression } from '../connectors/steps/message-scope.ts'
import type { ValidatorConnector } from '../connectors/validators/validator.ts'
import { HermesError } from '../errors.ts'
import type { JsonSchema } from '../stream/connector.ts'
import { labelling, type ReadText } from '../stream/labelling.ts'
import type { PlacedStep } from '../stream/stage.ts'
import type { Step, StepConnector } from '../stream/step.ts'
import { workflowConnectors } from './workflow-kind.ts'
import type { WorkflowConnectors } from './workflow-spec.ts'
import type { Chosen, SinkView, WorkflowView } from './workflow-view.ts'

export type Registry<T> = Readonly<Record<string, T>>

/** The connector of this type; the schema lets no other be named. */
export function chosenFrom<T>(registry: Registry<T>, { type }: Chosen): T {
  const connector = registry[type]
  if (connector === undefined) throw new HermesError('internal', `no connector ${type}`)
  return connector
}

/** Fields that the connector's schema marks with `x-path` start from `root` when they are relative. */
export function withAbsolutePaths(config: Chosen['config'], schema: JsonSchema, root: string): Chosen['config'] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>
  const absolute = Object.entries(config).map(([name, value]): [string, unknown] => {
    const isPath = properties[name]?.['x-path'] === true && typeof value === 'string'
    return [name, isPath ? resolve(root, value) : value]
  })
  return Object.fromEntries(absolute)
}

/** Messages without a route go to every sink; those with one where it is taken. Its own name is always a sink's. */
export function takesOf({ name, routes }: SinkView): (route: string | undefined) => boolean {
  if (routes === undefined) return (route) => route === undefined || route === name
  const taken = new Set([name, ...routes])
  return (route) => route !== undefined && taken.has(route)
}

/** The steps of a stage for one run; `state` is what they gave the run before. */
export type StepsForRun = (state: unknown) => readonly PlacedStep[]

/** Where steps come from. */
export interface StepParts {
  /** What relative file paths start from. */
  readonly root: string
  /** All connectors that there are when absent. */
  readonly connectors?: WorkflowConnectors
}

/**
 * Reads and compiles what stands between source and buffer. Validation and labels keep nothing between messages, and
 * are the same for every run; steps are opened for each.
 */
export async function openSteps(
  view: WorkflowView,
  { root, connectors = workflowConnectors }: StepParts,
): Promise<StepsForRun> {
  const registry = connectors.steps as unknown as Registry<StepConnector<unknown>>
  const { validate } = view
  const key = readText(view.key)
  const id = readText(view.idempotencyKey)
  const labels = { ...(key === undefined ? {} : { key }), ...(id === undefined ? {} : { id }) }
  const hasLabels = key !== undefined || id !== undefined
  const first: readonly PlacedStep[] = [
    ...(validate === undefined ? [] : [{ stage: 'validate', step: await openValidator(validate, root, connectors) }]),
    ...(hasLabels ? [{ stage: 'delivery', step: labelling(labels) }] : []),
  ]
  return (state) => [
    ...first,
    ...view.steps.map((chosen, index) => ({
      stage: `steps[${index}].${chosen.type}`,
      step: chosenFrom(registry, chosen).open(chosen.config, state),
    })),
  ]
}

async function openValidator(chosen: Chosen, root: string, { validators }: WorkflowConnectors): Promise<Step> {
  const connector = chosenFrom(validators as unknown as Registry<ValidatorConnector<unknown>>, chosen)
  return await connector.open(withAbsolutePaths(chosen.config, connector.config, root))
}

function readText(text: string | undefined): ReadText | undefined {
  if (text === undefined) return undefined
  const expression = messageExpression(text)
  return (batch, now) => {
    const variables = new MessageVariables(batch, now)
    return (index) => {
      const read = expression.evaluate(variables.at(index))
      if (read === undefined || read === null) return undefined
      return typeof read === 'string' ? read : JSON.stringify(read)
    }
  }
}
