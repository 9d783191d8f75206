import { opensAt } from '../manifest/sync-window.ts'
import type { Controller, Subject } from './controller.ts'

/** One resource, and who is in charge of it. */
interface Governed {
  readonly controller: Controller
  readonly subject: Subject<unknown>
}

/**
 * When the steps of a resource may be carried out, milliseconds since the epoch: `now` when at once. What is desired
 * brings its window along, so that a manifest without one is carried out at any time; what is to go keeps to its last.
 */
export function stepsOpenAt({ controller, subject }: Governed, now: number): number {
  const { desired, claims } = subject
  const spec = desired === undefined ? claims.at(-1)?.spec : desired.spec
  return spec === undefined ? now : opensAt(controller.window?.(spec), now)
}
