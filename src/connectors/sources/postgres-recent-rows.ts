/** So many rows are known again; of more within that time some come twice, under the same ids. */
const MOST = 200_000

/** The rows that may be found once more and were given already, by their ids. */
export class RecentRows {
  readonly #ids = new Set<string>()

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  add(rows: readonly { readonly id: string }[]): void {
    for (const { id } of rows) {
      this.#ids.add(id)
      if (this.#ids.size > MOST) this.#forgetOldest()
    }
  }

  #forgetOldest(): void {
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest)
      return
    }
  }
}
