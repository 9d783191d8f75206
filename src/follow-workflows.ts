import type { Manifest } from './manifest/manifest.ts'
import type { Engine } from './reconcile/engine.ts'
import type { ResourceState } from './reconcile/state.ts'
import type { WorkflowRunner } from './resources/workflow-runner.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'

export interface FollowingWorkflows {
  readonly engine: Engine
  readonly runner: WorkflowRunner
}

/**
 * Keeps the workflows that run in step with the engine's outcomes: ready ones run as declared, one whose change waits or
 * fails as it was last settled, what is suspended stops. What was removed is stopped by its controller.
 */
export function followWorkflows({ engine, runner }: FollowingWorkflows): void {
  engine.onChange((keys) => {
    for (const key of keys) {
      if (!key.startsWith('Workflow/')) continue
      const name = key.slice('Workflow/'.length)
      const resource = engine.resource(key)
      const desired = resource?.desired as Manifest<WorkflowSpec> | undefined
      if (resource === undefined || desired === undefined) continue
      if (desired.spec.suspend) void runner.stop(name)
      else takeUp(runner, resource, desired)
    }
  })
}

function takeUp(runner: WorkflowRunner, { outcome, settled }: ResourceState, desired: Manifest<WorkflowSpec>): void {
  if (outcome.state === 'ready') return runner.ensure(desired)
  if (outcome.state === 'progressing' || settled === undefined || runner.health(desired.name) !== undefined) return
  const { spec, hash } = settled as { spec: WorkflowSpec; hash: string }
  if (!spec.suspend) runner.ensure({ ...desired, spec, hash })
}
