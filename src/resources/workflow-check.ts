import { normalize } from 'node:path'
import { steps as registry, sinks as sinkRegistry } from '../connectors/index.ts'
import { letterFilter } from '../connectors/letter-filter.ts'
import { type ErrorCode, errorTable, toHermesError } from '../errors.ts'
import type { Manifest, Problem } from '../manifest/manifest.ts'
import type { StepConnector } from '../stream/step.ts'
import { deadLetterFields, type Keyed, type WorkflowConnectors, type WorkflowSpec } from './workflow-spec.ts'
import { type Chosen, routesGiven, workflowView } from './workflow-view.ts'

/** What a schema cannot say of a Workflow. */
export function checkWorkflow(manifest: Manifest<WorkflowSpec>): Problem[] {
  return [
    ...nameProblems(manifest),
    ...routeProblems(manifest),
    ...windowProblems(manifest),
    ...stepProblems(manifest),
    ...deadLetterProblems(manifest),
    ...circleProblems(manifest),
    ...letterSourceProblems(manifest),
    ...inFlightProblems(manifest),
  ]
}

/** A workflow that feeds itself would go round for ever, or wait for itself. */
function circleProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { name, spec } = manifest
  const isOwn = (clause: Keyed | undefined): boolean => (clause?.['workflow'] as { name?: string })?.name === name
  const message = 'a workflow cannot hand messages to itself'
  const found = spec.sinks.flatMap((sink, index) => (isOwn(sink) ? [`spec.sinks[${index}].workflow.name`] : []))
  const all = isOwn(spec.deadLetter) ? [...found, 'spec.deadLetter.workflow.name'] : found
  return [...all.map((path) => problem(manifest, 'invalid_value', path, message)), ...ownFileProblems(manifest)]
}

/** What it writes to the file that it follows it would read, and write again. */
function ownFileProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { source, sinks } = workflowView(manifest)
  const followed = filePath(source)
  return sinks.flatMap((sink) => {
    if (followed === undefined || filePath(sink) !== followed) return []
    const message = 'a workflow cannot write to the file that it follows'
    return [problem(manifest, 'invalid_value', `spec.sinks[${sink.index}].file.path`, message)]
  })
}

function filePath({ type, config }: Chosen): string | undefined {
  return type === 'file' ? normalize(String(config['path'])) : undefined
}

function letterSourceProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { type, config } = workflowView(manifest).source
  if (type !== 'dead_letter') return []
  const { workflow, where } = config as { readonly workflow?: string; readonly where?: string }
  const path = 'spec.source.dead_letter'
  const own = 'a workflow cannot read its own dead letters: deadLetter.drainFirst sends them again'
  return [
    ...(workflow === manifest.name ? [problem(manifest, 'invalid_value', `${path}.workflow`, own)] : []),
    ...(where === undefined ? [] : filterProblems(manifest, where, `${path}.where`)),
  ]
}

function filterProblems(manifest: Manifest<WorkflowSpec>, where: string, path: string): Problem[] {
  try {
    letterFilter(where)
    return []
  } catch (error) {
    const { code, message } = toHermesError(error)
    return [problem(manifest, code, path, message)]
  }
}

function deadLetterProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { deadLetter = {} } = manifest.spec
  const [, second] = Object.keys(deadLetter).filter((name) => !deadLetterFields.has(name))
  const { deadLetter: sink, drainFirst } = workflowView(manifest)
  const several = `dead letters go to one sink: a workflow that reads ${sink?.type} may send them on`
  const elsewhere = `only the letters of the table can be drained, and these go to ${sink?.type}`
  return [
    ...(second === undefined ? [] : [problem(manifest, 'invalid_value', `spec.deadLetter.${second}`, several)]),
    ...(sink === undefined || !drainFirst
      ? []
      : [problem(manifest, 'invalid_value', 'spec.deadLetter.drainFirst', elsewhere)]),
  ]
}

function nameProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const seen = new Map<string, number>()
  return manifest.spec.sinks.flatMap(({ name }, index) => {
    if (name === undefined) return []
    const other = seen.get(name)
    seen.set(name, index)
    const message = `sinks[${other}] has the name ${name} too`
    return other === undefined ? [] : [problem(manifest, 'duplicate_name', `spec.sinks[${index}].name`, message)]
  })
}

/** Most sinks write one batch after the other. */
function inFlightProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const known: WorkflowConnectors['sinks'] = sinkRegistry
  return workflowView(manifest).sinks.flatMap(({ type, index, maxInFlight = 1 }) => {
    if (maxInFlight === 1 || known[type]?.maxInFlight !== undefined) return []
    const message = `${type} writes one batch at a time`
    return [problem(manifest, 'invalid_value', `spec.sinks[${index}].maxInFlight`, message)]
  })
}

/** What a second window makes of the results of the first would be acknowledged before those have left. */
function windowProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const windows = workflowView(manifest).steps.flatMap(({ type }, index) => (type === 'aggregate' ? [index] : []))
  return windows.slice(1).map((index) => {
    const message = 'a workflow has one aggregate: send its results into another workflow for the next'
    return problem(manifest, 'invalid_value', `spec.steps[${index}].aggregate`, message)
  })
}

/** What a step finds wrong with its settings beyond their schema. */
function stepProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const known = registry as unknown as Readonly<Record<string, StepConnector<unknown>>>
  return workflowView(manifest).steps.flatMap(({ type, config }, index) => {
    try {
      known[type]?.open(config)
      return []
    } catch (error) {
      const { code, message } = toHermesError(error, 'invalid_value')
      return [problem(manifest, code, `spec.steps[${index}].${type}`, message)]
    }
  })
}

/** A route that no sink takes would lose messages. */
function routeProblems(manifest: Manifest<WorkflowSpec>): Problem[] {
  const { steps, sinks } = workflowView(manifest)
  const taken = new Set(sinks.flatMap(({ name, routes }) => routes ?? [name]))
  return steps.flatMap((step, index) =>
    routesGiven(step)
      .filter((route) => !taken.has(route))
      .map((route) => lost(manifest, index, route)),
  )
}

function lost(manifest: Manifest<WorkflowSpec>, index: number, route: string): Problem {
  const message = `no sink takes the route ${route}, and its messages would be lost`
  return problem(manifest, 'invalid_value', `spec.steps[${index}].route`, message)
}

function problem(manifest: Manifest, code: ErrorCode, path: string, message: string): Problem {
  return { code, message: `${path}: ${message}`, at: manifest.locate(path), path, fix: errorTable[code].fix }
}
