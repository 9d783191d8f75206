import type { Clock } from '../clock.ts'
import { type Key, keyOf, type Manifest } from '../manifest/manifest.ts'
import { type Claim, type Ledger, type LedgerEntry, newestClaim } from './ledger.ts'
import { Turn } from './turn.ts'

/**
 * The ledger with its entries at hand. All writing goes through `turn`, one at a time; a write that failed may have
 * been carried out all the same, so the entries are read again before the next turn.
 */
export class Mirror {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #turn = new Turn()
  readonly #entries = new Map<Key, LedgerEntry>()
  #stale = true
  #loads = 0

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
  }

  get entries(): ReadonlyMap<Key, LedgerEntry> {
    return this.#entries
  }

  /** How often the entries were read: what was found out from earlier ones does not hold any more. */
  get loads(): number {
    return this.#loads
  }

  /** Runs `work` while nobody else reads or writes for a decision. Rejects with what `work` or the ledger throws. */
  turn<T>(work: (writer: LedgerWriter) => Promise<T>): Promise<T> {
    return this.#turn.take(async () => {
      if (this.#stale) await this.#load()
      try {
        return await work(this.#writer)
      } catch (error) {
        this.#stale = true
        throw error
      }
    })
  }

  readonly #writer: LedgerWriter = {
    put: async (manifests, revision) => {
      if (manifests.length === 0) return
      await this.#ledger.put(manifests, revision)
      for (const manifest of manifests) this.#put(manifest, revision)
    },
    settle: async (keys) => {
      if (keys.length === 0) return
      await this.#ledger.settle(keys)
      for (const key of keys) this.#change(key, settled)
    },
    delete: async (keys) => {
      if (keys.length === 0) return
      await this.#ledger.delete(keys)
      for (const key of keys) this.#entries.delete(key)
    },
    approve: async (keys, token) => {
      if (keys.length === 0) return
      await this.#ledger.approve(keys, token)
      for (const key of keys) this.#change(key, (entry) => ({ ...entry, approved: token }))
    },
  }

  /**
   * Has the entry of a key hold the parts of this manifest in place of equal copies: with thousands of resources the
   * copies are half of the memory.
   */
  share(key: Key, { hash, spec, at, kind, name }: Manifest): void {
    const entry = this.#entries.get(key)
    if (entry?.settled?.hash !== hash || entry.settled.spec === spec) return
    const { file, line, column } = entry.at
    const same = file === at.file && line === at.line && column === at.column
    this.#entries.set(key, { ...entry, kind, name, settled: { hash, spec }, at: same ? at : entry.at })
  }

  async #load(): Promise<void> {
    const entries = await this.#ledger.entries()
    this.#entries.clear()
    for (const entry of entries) this.#entries.set(keyOf(entry), entry)
    this.#stale = false
    this.#loads += 1
  }

  #put(manifest: Manifest, revision: string): void {
    const { kind, name, at, hash, spec } = manifest
    const known = this.#entries.get(keyOf(manifest))
    const claim: Claim = { hash, spec }
    const claimed = known !== undefined && newestClaim(known)?.hash === hash
    const intents = known === undefined ? [claim] : claimed ? known.intents : [...known.intents, claim]
    const registeredAt = known?.registeredAt ?? this.#clock.now()
    this.#entries.set(keyOf(manifest), { registeredAt, ...known, kind, name, at, revision, intents })
  }

  #change(key: Key, change: (entry: LedgerEntry) => LedgerEntry): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#entries.set(key, change(entry))
  }
}

/** What may be written within a turn; empty lists cost nothing. */
export type LedgerWriter = Omit<Ledger, 'entries'>

function settled(entry: LedgerEntry): LedgerEntry {
  const { approved: _usedUp, ...rest } = entry
  const claim = newestClaim(entry)
  return claim === undefined ? rest : { ...rest, settled: claim, intents: [] }
}
