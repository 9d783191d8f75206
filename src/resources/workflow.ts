import type { Key, Manifest } from '../manifest/manifest.ts'
import type { Controller, Step, Subject } from '../reconcile/controller.ts'
import { Registrations, registrationStep } from './registration.ts'
import { describeRemains } from './workflow-remains.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { connectionsOf, workflowsFed, workflowView } from './workflow-view.ts'
import { mayBeLost } from './workflow-warnings.ts'

export interface WorkflowControllerOptions {
  /** Throws what keeps the workflow from running; secrets above all. */
  readonly check: (workflow: Manifest<WorkflowSpec>) => Promise<void>
  /** Has it run as declared: see `WorkflowRunner.change`. */
  readonly change: (workflow: Manifest<WorkflowSpec>, signal: AbortSignal) => Promise<void>
  /** Removes what its former sources made outside of Hermes and nobody uses now. Throws why that cannot be. */
  readonly clear: (subject: Subject<WorkflowSpec>, signal: AbortSignal) => Promise<void>
  /** Stops it, and removes its position. */
  readonly halt: (name: string) => Promise<void>
  /** Removes its buffer and its dead letters. */
  readonly remove: (name: string) => Promise<void>
}

/** Workflows: started, changed without loss, and stopped for good with their manifest. */
export function workflowController(options: WorkflowControllerOptions): Controller<WorkflowSpec, string | undefined> {
  const registrations = new Registrations()
  /** Changed already, while what is left of the source before cannot be removed: hashes. */
  const changed = new Map<string, string>()
  return {
    kind: 'Workflow',
    references: (_name, spec): Key[] => [
      ...connectionsOf(spec).map((name) => `Connection/${name}` as const),
      ...workflowsFed(spec).map((fed) => `Workflow/${fed}` as const),
    ],
    observe: async (subjects) => new Map(subjects.map((subject) => [subject.name, observed(subject, registrations)])),
    plan: (subject, hash) => {
      const step = registrationStep(subject, hash, {
        create: (desired) => (desired.spec.suspend ? 'keep it suspended' : `start it: ${describe(desired)}`),
        change: (desired) =>
          desired.spec.suspend ? 'suspend it; its position stays' : `change it at its position: ${describe(desired)}`,
        remove: 'stop it, and delete its position, its buffer and its dead letters',
      })
      return step === undefined ? [] : [warned(withRemains(step, subject), subject.desired)]
    },
    apply: async (subject, _step, signal) => {
      const { name, desired } = subject
      if (desired === undefined) {
        changed.delete(name)
        // The position first: without it a workflow that comes back before all is done begins anew.
        await options.halt(name)
        await options.clear(subject, signal)
        await options.remove(name)
        return registrations.release(name)
      }
      if (changed.get(name) !== desired.hash) await options.change(desired, signal)
      changed.set(name, desired.hash)
      await options.clear(subject, signal)
      changed.delete(name)
      registrations.set(name, desired.hash)
    },
    check: options.check,
  }
}

/** One that never came so far as to be settled may have run all the same, and left something behind. */
function observed(subject: Subject<WorkflowSpec>, registrations: Registrations): string | undefined {
  const hash = registrations.hash(subject)
  if (hash !== undefined || subject.desired !== undefined || registrations.isReleased(subject.name)) return hash
  return describeRemains(subject) === undefined ? undefined : subject.claims.at(-1)?.hash
}

/** What goes outside of Hermes as well. */
function withRemains(step: Step, subject: Subject<WorkflowSpec>): Step {
  const remains = describeRemains(subject)
  return remains === undefined ? step : { ...step, summary: `${step.summary}; drop ${remains}` }
}

/** The plan names what may be lost. */
function warned(step: Step, workflow: Manifest<WorkflowSpec> | undefined): Step {
  const lost = workflow === undefined || workflow.spec.suspend ? undefined : mayBeLost(workflow)
  return lost === undefined ? step : { ...step, code: 'volatile_source', summary: `${step.summary}; ${lost}` }
}

/** `websocket → filter, set → memory → redis, table`. */
function describe(workflow: Manifest<WorkflowSpec>): string {
  const { source, validate, steps, buffer, sinks } = workflowView(workflow)
  const between = [...(validate === undefined ? [] : [validate.type]), ...steps.map(({ type }) => type)]
  const parts = [source.type, between.join(', '), buffer.type, sinks.map(({ name }) => name).join(', ')]
  return parts.filter((part) => part !== '').join(' → ')
}
