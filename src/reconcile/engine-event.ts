import type { HermesError } from '../errors.ts'
import type { Key, Problem } from '../manifest/manifest.ts'
import type { Step } from './controller.ts'

/** Something that happened and that no state tells afterwards. */
export type EngineEvent =
  | { readonly type: 'step'; readonly key: Key; readonly step: Step }
  /** A revision is in force, or is once more with other problems. */
  | { readonly type: 'accepted'; readonly revision: string; readonly problems: readonly Problem[] }
  /** The newest revision could not be put in force, or the origin cannot be followed. */
  | { readonly type: 'refused'; readonly error: HermesError }
  | { readonly type: 'approved'; readonly keys: readonly Key[]; readonly approval: string }
