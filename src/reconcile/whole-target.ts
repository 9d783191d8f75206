import type { Key, Manifest, Problem } from '../manifest/manifest.ts'
import { annotatedHashes, approveAnnotation } from './approval.ts'
import { holdReason, pruneGuard } from './guard.ts'
import type { LedgerEntry } from './ledger.ts'
import { paced } from './pace.ts'
import type { Held } from './plan.ts'
import { heldManifest, type Wanted } from './subject.ts'
import { movedFromAnnotation, type Target, type TargetInput } from './target.ts'

/** Works out what a snapshot asks for from all of its manifests. Changes nothing. */
export async function wholeTarget(input: TargetInput): Promise<Target> {
  const { snapshot, entries, kinds } = input
  const draft = new Draft(input)
  await paced(snapshot.manifests, (manifest) => draft.declare(manifest))
  draft.decideMoves()
  await paced(entries, ([key, entry]) => draft.hold(key, entry))
  const derived = draft.derived()
  await paced(derived, (manifest) => draft.want(manifest))
  await paced(entries, ([key, entry]) => draft.settleAbsent(key, entry))
  const declared = entries.values().filter((entry) => kinds.get(entry.kind)?.derived !== true)
  const guard = pruneGuard(draft.removals, [...declared].length)
  return {
    revision: snapshot.revision,
    problems: [...snapshot.problems, ...draft.problems],
    wanted: draft.wanted,
    held: draft.held,
    dependents: draft.dependents,
    approvals: draft.approvals,
    ...(guard === undefined ? {} : { guard }),
    ...(draft.isPlain && guard === undefined ? { plain: { declared: snapshot.manifests, derived } } : {}),
  }
}

class Draft {
  readonly wanted = new Map<Key, Wanted>()
  readonly held: Held[] = []
  readonly dependents = new Map<Key, Key[]>()
  readonly approvals = new Set<string>()
  readonly problems: Problem[] = []
  /** Declared resources that are to go for good. */
  readonly removals: LedgerEntry[] = []
  readonly #input: TargetInput
  readonly #read: { complete: boolean; empty: boolean; brokenFiles: ReadonlySet<string> }
  #hasAbsent = false
  readonly #declared = new Map<Key, Manifest>()
  readonly #heldManifests = new Map<Key, { manifest: Manifest; reason: string }>()
  readonly #askedMoves: { from: Key; to: Key }[] = []
  /** Former key → the key that takes over, and the other way round. */
  readonly #takenBy = new Map<Key, Key>()
  readonly #takesFrom = new Map<Key, Key>()

  constructor(input: TargetInput) {
    const { complete, brokenFiles, manifests } = input.snapshot
    this.#input = input
    this.#read = { complete, brokenFiles, empty: manifests.length === 0 }
  }

  declare(manifest: Manifest): void {
    const { key } = manifest
    if (!this.#input.kinds.has(manifest.kind)) {
      this.problems.push(unknownKind(manifest))
      return
    }
    if (!this.#declared.has(key)) this.#declared.set(key, manifest)
    const approve = manifest.annotations[approveAnnotation]
    if (approve !== undefined) for (const hash of annotatedHashes(approve)) this.approvals.add(hash)
    const from = manifest.annotations[movedFromAnnotation]
    if (from !== undefined) this.#askedMoves.push({ from: `${manifest.kind}/${from}`, to: key })
  }

  /** A move is explicit, but not while what is left behind is declared, or may be where nothing can be read. */
  decideMoves(): void {
    for (const { from, to } of this.#askedMoves.toSorted((one, other) => (one.to < other.to ? -1 : 1))) {
      const entry = this.#input.entries.get(from)
      if (entry === undefined || this.#declared.has(from) || this.#takenBy.has(from)) continue
      if (!this.#read.complete || this.#read.brokenFiles.has(entry.at.file)) continue
      this.#takenBy.set(from, to)
      this.#takesFrom.set(to, from)
    }
  }

  hold(key: Key, entry: LedgerEntry): void {
    if (this.#isDerived(entry.kind) || this.#declared.has(key) || this.#takenBy.has(key)) return
    const reason = holdReason(entry, this.#read)
    const manifest = reason === undefined ? undefined : heldManifest(entry)
    if (reason === undefined || manifest === undefined) return
    this.#heldManifests.set(key, { manifest, reason })
  }

  derived(): readonly Manifest[] {
    const held = [...this.#heldManifests.values()].map((each) => each.manifest)
    return this.#input.derive([...this.#declared.values(), ...held], this.#input.snapshot)
  }

  want(manifest: Manifest): void {
    const controller = this.#input.kinds.get(manifest.kind)
    const { key } = manifest
    if (controller === undefined || this.wanted.has(key)) return
    const held = this.#heldManifests.get(key)?.reason
    const takesFrom = this.#takesFrom.get(key)
    const priority = controller.priority?.(manifest.spec) ?? 0
    const before = this.#input.before?.wanted.get(key)
    const isSame = before?.desired === manifest && before.held === held && before.takesFrom === takesFrom
    const wanted: Wanted = isSame
      ? before
      : {
          key,
          kind: manifest.kind,
          name: manifest.name,
          desired: manifest,
          references: controller.references(manifest.name, manifest.spec),
          ...(priority === 0 ? {} : { priority }),
          ...(held === undefined ? {} : { held }),
          ...(takesFrom === undefined ? {} : { takesFrom }),
        }
    this.wanted.set(key, wanted)
    if (held !== undefined) this.held.push({ key, at: manifest.at, reason: held })
    for (const reference of wanted.references) this.#depend(reference, key)
  }

  /** What the ledger knows and nobody asks for goes, unless the read has gaps. */
  settleAbsent(key: Key, entry: LedgerEntry): void {
    if (this.wanted.has(key) || !this.#input.kinds.has(entry.kind)) return
    const takenBy = this.#takenBy.get(key)
    const manifest = this.#read.empty || !this.#read.complete ? heldManifest(entry) : undefined
    if (manifest !== undefined && takenBy === undefined) {
      this.#heldManifests.set(key, { manifest, reason: 'empty or incomplete read prunes nothing' })
      this.want(manifest)
      return
    }
    this.#hasAbsent = true
    this.wanted.set(key, {
      key,
      kind: entry.kind,
      name: entry.name,
      references: [],
      ...(takenBy === undefined ? {} : { takenBy }),
    })
    if (takenBy === undefined && !this.#isDerived(entry.kind)) this.removals.push(entry)
  }

  /** Nothing but what the manifests say came of it. */
  get isPlain(): boolean {
    const { complete, brokenFiles } = this.#read
    const { length } = this.#input.snapshot.manifests
    const isUsual = complete && brokenFiles.size === 0 && this.#declared.size === length && !this.#hasAbsent
    return isUsual && this.held.length === 0 && this.approvals.size === 0 && this.#askedMoves.length === 0
  }

  #isDerived(kind: string): boolean {
    return this.#input.kinds.get(kind)?.derived === true
  }

  #depend(reference: Key, key: Key): void {
    const known = this.dependents.get(reference)
    if (known === undefined) this.dependents.set(reference, [key])
    else known.push(key)
  }
}

function unknownKind(manifest: Manifest): Problem {
  const { kind, at } = manifest
  return { code: 'unknown_kind', message: `kind ${kind} is not known`, at, path: 'kind', fix: 'Use a known kind.' }
}
