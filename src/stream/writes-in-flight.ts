import type { Batch } from './batch.ts'
import { Bell } from './bell.ts'
import type { Group } from './group.ts'

/**
 * Groups that are being written at once. No two of them hold messages of one key, so that whatever becomes of one, the
 * order of a key is that of its messages (invariant 7).
 */
export class WritesInFlight {
  /** Those under way, and those that failed; as they were begun. */
  readonly #groups: Group[] = []
  readonly #keys = new Set<string>()
  #failed = 0
  #broken: { readonly error: unknown } | undefined
  readonly #bell = new Bell()

  get size(): number {
    return this.#groups.length - this.#failed
  }

  /** Whether one failed, and has to be written again before any other is begun; or threw. */
  get isInTrouble(): boolean {
    return this.#failed > 0 || this.#broken !== undefined
  }

  /** Whether none of those in flight has a key of these messages. */
  isFreeFor({ batch }: Group): boolean {
    if (this.#keys.size === 0) return true
    for (const key of keysOf(batch)) if (this.#keys.has(key)) return false
    return true
  }

  /** Follows a write until it resolves: to false when the sink failed. What it throws comes out of `takeFailed`. */
  begin(group: Group, write: Promise<boolean>, onEnd: () => void): void {
    this.#groups.push(group)
    for (const key of keysOf(group.batch)) this.#keys.add(key)
    write.then(
      (isWritten) => this.#end(group, isWritten, onEnd),
      (error: unknown) => {
        this.#broken ??= { error }
        this.#end(group, true, onEnd)
      },
    )
  }

  /** Resolves when one has ended. */
  async change(): Promise<void> {
    await this.#bell.rung()
  }

  /** Those that failed, as they were begun, once none is under way; they count as failed no more. Throws what one threw. */
  takeFailed(): readonly Group[] {
    if (this.#broken !== undefined) throw this.#broken.error
    if (this.#failed === 0 || this.size > 0) return none
    this.#failed = 0
    return this.#groups.splice(0)
  }

  /** Resolves when none is under way, whatever became of them. */
  async ended(): Promise<void> {
    while (this.size > 0) await this.#bell.rung()
  }

  #end(group: Group, isWritten: boolean, onEnd: () => void): void {
    if (isWritten) this.#groups.splice(this.#groups.indexOf(group), 1)
    else this.#failed += 1
    for (const key of keysOf(group.batch)) this.#keys.delete(key)
    this.#bell.ring()
    onEnd()
  }
}

const none: readonly Group[] = []
const noKeys: readonly string[] = []

function keysOf(batch: Batch): readonly string[] {
  let keys: string[] | undefined
  for (let index = 0; index < batch.size; index += 1) {
    const { key } = batch.meta(index)
    if (key === undefined) continue
    keys ??= []
    keys.push(key)
  }
  return keys ?? noKeys
}
