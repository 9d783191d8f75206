import type { Manifest } from '../manifest/manifest.ts'
import type { Op, Step, Subject } from '../reconcile/controller.ts'
import { changeReason } from '../reconcile/reason.ts'

/**
 * What this process has taken up of one kind: the last part of every plan, after the database is as it should be.
 * Before this process took anything up, the ledger's settled claims tell.
 */
export class Registrations {
  readonly #hashes = new Map<string, string | undefined>()

  /** The hash a resource is taken up with; undefined when it is not. */
  hash(subject: Subject<unknown>): string | undefined {
    return this.#hashes.has(subject.name) ? this.#hashes.get(subject.name) : subject.settled?.hash
  }

  /** Whether it was given up by this process. */
  isReleased(name: string): boolean {
    return this.#hashes.has(name) && this.#hashes.get(name) === undefined
  }

  set(name: string, hash: string): void {
    this.#hashes.set(name, hash)
  }

  /** The resource is no longer taken up, whatever the ledger says until its entry is erased. */
  release(name: string): void {
    this.#hashes.set(name, undefined)
  }
}

/** What each step says; asked only when there is a step. */
export interface RegistrationSummary<Spec> {
  create(desired: Manifest<Spec>): string
  change(desired: Manifest<Spec>, before: Spec): string
  readonly remove: string
}

/** The registration step that a subject still needs, if any. */
export function registrationStep<Spec>(
  subject: Subject<Spec>,
  hash: string | undefined,
  summary: RegistrationSummary<Spec>,
): Step | undefined {
  const { desired } = subject
  if (desired === undefined) {
    return hash === undefined ? undefined : step('-', summary.remove, 'the manifest was removed')
  }
  if (hash === desired.hash) return undefined
  const before = subject.settled
  if (before === undefined) return step('+', summary.create(desired), 'the manifest was added')
  return step(
    '~',
    summary.change(desired, before.spec),
    changeReason(before.spec, desired.spec) ?? 'the manifest changed',
  )
}

function step(op: Op, summary: string, reason: string): Step {
  return { op, summary, reason }
}
