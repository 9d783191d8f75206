import type { HermesError, Location } from '../errors.ts'
import type { Key, Manifest, Problem } from '../manifest/manifest.ts'
import type { Board, Progress, Resource } from './board.ts'
import type { Claim } from './ledger.ts'
import { type Entries, heldManifest, type Kinds } from './subject.ts'

/** One resource as others read it. */
export interface ResourceState {
  readonly key: Key
  readonly kind: string
  readonly name: string
  /** Where it is declared, or was last. */
  readonly at: Location
  /** The revision that last changed it. */
  readonly revision: string
  /** When it was first claimed, milliseconds since the epoch; 0 before that. */
  readonly registeredAt: number
  /** What the world was last brought to. */
  readonly settled?: Claim
  readonly outcome: Progress
  /** What is to be; for a removal, absent. */
  readonly desired?: Manifest
  /** For a removal, what was last declared. */
  readonly last?: Manifest
  /** Its manifest is gone and its tear-down is not finished. */
  readonly removed: boolean
  readonly derived: boolean
  /** Why it stays in force though no manifest declares it now. */
  readonly held?: string
}

export interface EngineState {
  /** The revision in force; absent before the first. */
  readonly revision?: string
  /** What is wrong in the manifests of that revision. */
  readonly problems: readonly Problem[]
  readonly resources: readonly ResourceState[]
  /** What keeps the engine from its work altogether, such as a database that is away. */
  readonly trouble?: HermesError
}

const nowhere: Location = { file: '', line: 1, column: 1 }

export function engineState(board: Board, entries: Entries, kinds: Kinds): EngineState {
  const { target, trouble } = board
  return {
    ...(target === undefined ? {} : { revision: target.revision }),
    problems: target?.problems ?? [],
    resources: [...board.resources.values()].map((resource) => resourceState(resource, entries, kinds)),
    ...(trouble === undefined ? {} : { trouble }),
  }
}

export function resourceState(resource: Resource, entries: Entries, kinds: Kinds): ResourceState {
  const { key, wanted, outcome } = resource
  const { kind, name, desired, held } = wanted
  const entry = entries.get(key)
  const last = desired === undefined && entry !== undefined ? heldManifest(entry) : undefined
  return {
    key,
    kind,
    name,
    outcome,
    removed: desired === undefined,
    derived: kinds.get(kind)?.derived === true,
    at: desired?.at ?? entry?.at ?? nowhere,
    revision: entry?.revision ?? '',
    registeredAt: entry?.registeredAt ?? 0,
    ...(entry?.settled === undefined ? {} : { settled: entry.settled }),
    ...(desired === undefined ? {} : { desired }),
    ...(last === undefined ? {} : { last }),
    ...(held === undefined ? {} : { held }),
  }
}
