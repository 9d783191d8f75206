import type { Batch } from './batch.ts'
import type { Group } from './group.ts'

/**
 * Groups that are being written at once. No two of them hold messages of one key, so that whatever becomes of one, the
 * order of a key is that of its messages (invariant 7).
 */
export class WritesInFlight {
  readonly #keys = new Set<string>()
  /** With the number of writes that were begun before. */
  readonly #places = new Map<Group, number>()
  readonly #failed = new Map<Group, number>()
  #begun = 0
  #broken: { readonly error: unknown } | undefined
  #bell = Promise.withResolvers<void>()

  get size(): number {
    return this.#places.size
  }

  /** Whether one failed, and has to be written again before any other is begun; or threw. */
  get isInTrouble(): boolean {
    return this.#failed.size > 0 || this.#broken !== undefined
  }

  /** Whether none of those in flight has a key of these messages. */
  isFreeFor({ batch }: Group): boolean {
    if (this.#keys.size === 0) return true
    for (const key of keysOf(batch)) if (this.#keys.has(key)) return false
    return true
  }

  /** Follows a write until it resolves: to false when the sink failed. What it throws comes out of `takeFailed`. */
  begin(group: Group, write: Promise<boolean>, onEnd: () => void): void {
    this.#places.set(group, this.#begun)
    this.#begun += 1
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
    await this.#bell.promise
  }

  /** Those that failed, as they were begun; they count as failed no more. Throws what one threw. */
  takeFailed(): readonly Group[] {
    if (this.#broken !== undefined) throw this.#broken.error
    if (this.#failed.size === 0) return noGroups
    const failed = [...this.#failed].toSorted(([, one], [, other]) => one - other)
    this.#failed.clear()
    return failed.map(([group]) => group)
  }

  /** Resolves when none is in flight, whatever became of them. */
  async ended(): Promise<void> {
    while (this.size > 0) await this.#bell.promise
  }

  #end(group: Group, isWritten: boolean, onEnd: () => void): void {
    if (!isWritten) this.#failed.set(group, this.#places.get(group) ?? 0)
    this.#places.delete(group)
    for (const key of keysOf(group.batch)) this.#keys.delete(key)
    const bell = this.#bell
    this.#bell = Promise.withResolvers()
    bell.resolve()
    onEnd()
  }
}

const noGroups: readonly Group[] = []

function* keysOf(batch: Batch): Generator<string> {
  for (let index = 0; index < batch.size; index += 1) {
    const { key } = batch.meta(index)
    if (key !== undefined) yield key
  }
}
