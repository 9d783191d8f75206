import { buffers, streamSources } from '../connectors/index.ts'
import type { Key, Manifest } from '../manifest/manifest.ts'
import type { Controller, Step } from '../reconcile/controller.ts'
import { Registrations, registrationStep } from './registration.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { workflowView } from './workflow-view.ts'

export interface WorkflowControllerOptions {
  /** Throws what keeps the workflow from running; secrets above all. */
  readonly check: (workflow: Manifest<WorkflowSpec>) => Promise<void>
  /** Has it run as declared: see `WorkflowRunner.change`. */
  readonly change: (workflow: Manifest<WorkflowSpec>, signal: AbortSignal) => Promise<void>
  /** Stops it, and removes its position, its buffer and its dead letters. */
  readonly remove: (name: string) => Promise<void>
}

/** Workflows: started, changed without loss, and stopped for good with their manifest. */
export function workflowController(options: WorkflowControllerOptions): Controller<WorkflowSpec, string | undefined> {
  const registrations = new Registrations()
  return {
    kind: 'Workflow',
    references: (_name, { connection }): Key[] => (connection === undefined ? [] : [`Connection/${connection}`]),
    observe: async (subjects) => new Map(subjects.map((subject) => [subject.name, registrations.hash(subject)])),
    plan: (subject, hash) => {
      const step = registrationStep(subject, hash, {
        create: (desired) => (desired.spec.suspend ? 'keep it suspended' : `start it: ${describe(desired)}`),
        change: (desired) =>
          desired.spec.suspend ? 'suspend it; its position stays' : `change it at its position: ${describe(desired)}`,
        remove: 'stop it, and delete its position, its buffer and its dead letters',
      })
      return step === undefined ? [] : [warned(step, subject.desired)]
    },
    apply: async ({ name, desired }, _step, signal) => {
      if (desired === undefined) {
        await options.remove(name)
        return registrations.release(name)
      }
      await options.change(desired, signal)
      registrations.set(name, desired.hash)
    },
    check: options.check,
  }
}

/** A source that cannot read again, and nothing behind it that outlives the process: the plan names what may be lost. */
function warned(step: Step, workflow: Manifest<WorkflowSpec> | undefined): Step {
  if (workflow === undefined || workflow.spec.suspend) return step
  const { source, buffer } = workflowView(workflow)
  const isVolatile = (streamSources as Registry)[source.type]?.volatile === true
  if (!isVolatile || (buffers as Registry)[buffer.type]?.durable === true) return step
  const summary = `${step.summary}; what ${source.type} sends is lost with the process, or while a sink is away for long`
  return { ...step, code: 'volatile_source', summary }
}

type Registry = Readonly<Record<string, { readonly volatile?: true; readonly durable?: boolean }>>

/** `websocket → filter, set → memory → redis, table`. */
function describe(workflow: Manifest<WorkflowSpec>): string {
  const { source, validate, steps, buffer, sinks } = workflowView(workflow)
  const between = [...(validate === undefined ? [] : [validate.type]), ...steps.map(({ type }) => type)]
  const parts = [source.type, between.join(', '), buffer.type, sinks.map(({ name }) => name).join(', ')]
  return parts.filter((part) => part !== '').join(' → ')
}
