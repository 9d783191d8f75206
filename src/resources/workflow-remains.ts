import { streamSources } from '../connectors/index.ts'
import type { Manifest } from '../manifest/manifest.ts'
import { resolveTemplates } from '../manifest/templates.ts'
import type { Subject } from '../reconcile/controller.ts'
import type { Connector, Secrets } from '../stream/connector.ts'
import type { Source } from '../stream/source.ts'
import type { WorkflowSpec } from './workflow-spec.ts'
import { type Chosen, sourceOf } from './workflow-view.ts'

type Registry = Readonly<Record<string, Connector<Source, unknown> | undefined>>

/** What the sources of a workflow made outside of Hermes and goes now, for its plan: `the replication slot …`. */
export function describeRemains(subject: Subject<WorkflowSpec>): string | undefined {
  const names = formerSources(subject).flatMap((former) => {
    const kept = keptFor(former, subject.desired)
    return connectorOf(former)?.remains?.describe(former.config, kept?.config) ?? []
  })
  return names.length === 0 ? undefined : [...new Set(names)].join(', ')
}

export interface RemovalParts {
  readonly secrets: Secrets
  /** Workflows that run: what one of them uses, under another name, is its own now. */
  readonly running: readonly Manifest<WorkflowSpec>[]
}

/** Removes it. Throws what keeps it from being removed; what was removed before is no matter. */
export async function removeRemains(
  subject: Subject<WorkflowSpec>,
  { secrets, running }: RemovalParts,
  signal: AbortSignal,
): Promise<void> {
  const others = running.filter(({ name }) => name !== subject.name)
  for (const former of formerSources(subject)) {
    const connector = connectorOf(former)
    if (connector?.remains === undefined) continue
    const { describe } = connector.remains
    const isTakenUp = others.some((other) => {
      const used = keptFor(former, other)
      return used !== undefined && describe(former.config, used.config) === undefined
    })
    if (isTakenUp) continue
    const kept = keptFor(former, subject.desired)
    // The secrets of what has nothing to remove may be gone.
    if (describe(former.config, kept?.config) === undefined) continue
    const resolved = ({ config }: Chosen): unknown => resolveTemplates(config, connector.config, { secrets })
    await connector.remains.remove(resolved(former), kept === undefined ? undefined : resolved(kept), signal)
  }
}

/** Every source that may have run but for the one that is wanted; what another resource takes over stays. */
function formerSources({ claims, desired, takenBy }: Subject<WorkflowSpec>): readonly Chosen[] {
  if (takenBy !== undefined) return []
  const wanted = desired === undefined ? undefined : JSON.stringify(desired.spec.source)
  const all = new Map(claims.map(({ spec }) => [JSON.stringify(spec.source), spec.source]))
  return [...all].flatMap(([text, source]) => (text === wanted ? [] : [sourceOf(source)]))
}

function keptFor({ type }: Chosen, desired: Manifest<WorkflowSpec> | undefined): Chosen | undefined {
  if (desired === undefined) return undefined
  const kept = sourceOf(desired.spec.source)
  return kept.type === type ? kept : undefined
}

function connectorOf({ type }: Chosen): Connector<Source, unknown> | undefined {
  return (streamSources as unknown as Registry)[type]
}
