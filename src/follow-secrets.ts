import type { Manifest } from './manifest/manifest.ts'
import type { OriginSecrets } from './manifest/origin-secrets.ts'
import type { Engine } from './reconcile/engine.ts'
import { type ConnectionSpec, secretsOfConnection } from './resources/connection.ts'
import { secretsOf } from './resources/open-source.ts'
import type { SourceRunner } from './resources/source-runner.ts'
import type { SourceSpec } from './resources/source-spec.ts'
import { viewOf } from './resources/source-view.ts'
import { secretsOfWorkflow } from './resources/workflow-secrets.ts'
import type { WorkflowSpec } from './resources/workflow-spec.ts'
import { connectionsOf } from './resources/workflow-view.ts'
import type { Log } from './stream/connector.ts'

interface Following {
  readonly engine: Engine
  readonly runner: SourceRunner
  readonly secrets: Pick<OriginSecrets, 'onChange'>
  readonly log: Log
}

/**
 * When secrets change, until disposed: looks again at the resources that use them, and has the sources that failed tried
 * at once. Those that fetch well take new values up with their next fetch. What changed where nobody told of it, or while
 * no process was there, the runner finds by the marks of what failed.
 */
export function followSecrets({ engine, runner, secrets, log }: Following): Disposable {
  const unfollow = secrets.onChange((names) => {
    const users = usersOf(names, engine)
    engine.resync(users)
    const sources = runner.subjects().filter(({ manifest }) => {
      const { connection } = viewOf(manifest)
      return users.has(`SourceDefinition/${manifest.name}`) || (connection && users.has(`Connection/${connection}`))
    })
    runner
      .retry(sources.map(({ manifest }) => manifest.name))
      .catch((error: unknown) =>
        log.error({ error: String(error), sources: sources.length }, 'sources not tried again'),
      )
  })
  return { [Symbol.dispose]: unfollow }
}

/** The resources whose own spec names one of the secrets, and the workflows whose Connection does. */
function usersOf(names: ReadonlySet<string>, engine: Engine): ReadonlySet<string> {
  const { resources } = engine.state()
  const users = resources.filter(({ desired }) => desired !== undefined && uses(desired, names))
  const keys = new Set<string>(users.map(({ key }) => key))
  for (const { key, desired } of resources) {
    if (desired?.kind !== 'Workflow') continue
    if (connectionsOf(desired.spec as WorkflowSpec).some((name) => keys.has(`Connection/${name}`))) keys.add(key)
  }
  return keys
}

function uses(manifest: Manifest, names: ReadonlySet<string>): boolean {
  return secretsIn(manifest).some((name) => names.has(name))
}

function secretsIn(manifest: Manifest): readonly string[] {
  if (manifest.kind === 'Connection') return secretsOfConnection(manifest as Manifest<ConnectionSpec>)
  if (manifest.kind === 'Workflow') return secretsOfWorkflow(manifest as Manifest<WorkflowSpec>)
  return manifest.kind === 'SourceDefinition' ? secretsOf(manifest as Manifest<SourceSpec>) : []
}
