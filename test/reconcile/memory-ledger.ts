import { HermesError } from '../../src/errors.ts'
import { type Key, keyOf, type Manifest } from '../../src/manifest/manifest.ts'
import { type Ledger, type LedgerEntry, newestClaim } from '../../src/reconcile/ledger.ts'

/** A ledger that outlives the engine over it; it keeps copies, as a database would. */
export class MemoryLedger implements Ledger {
  readonly stored = new Map<Key, LedgerEntry>()
  /** The calls, in order. */
  readonly calls: string[] = []
  /** While true every call fails. */
  down = false
  /** Runs before each write; what it throws is what the write throws. */
  beforeWrite: () => void | Promise<void> = () => undefined

  async entries(): Promise<readonly LedgerEntry[]> {
    this.#enter('entries')
    return [...this.stored.values()].map((entry) => structuredClone(entry))
  }

  async put(manifests: readonly Manifest[], revision: string): Promise<void> {
    await this.#write(`put ${manifests.map(keyOf).join(' ')}`)
    for (const { kind, name, at, hash, spec } of manifests) {
      const known = this.stored.get(`${kind}/${name}`)
      const claim = structuredClone({ hash, spec })
      const repeated = known !== undefined && newestClaim(known)?.hash === hash
      const intents = repeated ? known.intents : [...(known?.intents ?? []), claim]
      this.stored.set(`${kind}/${name}`, { registeredAt: 1, ...known, kind, name, at, revision, intents })
    }
  }

  async settle(keys: readonly Key[]): Promise<void> {
    await this.#write(`settle ${keys.join(' ')}`)
    for (const key of keys) {
      const entry = this.stored.get(key)
      const claim = entry && newestClaim(entry)
      if (entry === undefined || claim === undefined) continue
      const { approved: _usedUp, ...rest } = entry
      this.stored.set(key, { ...rest, settled: claim, intents: [] })
    }
  }

  async delete(keys: readonly Key[]): Promise<void> {
    await this.#write(`delete ${keys.join(' ')}`)
    for (const key of keys) this.stored.delete(key)
  }

  async approve(keys: readonly Key[], token: string): Promise<void> {
    await this.#write(`approve ${keys.join(' ')}`)
    for (const key of keys) {
      const entry = this.stored.get(key)
      if (entry !== undefined) this.stored.set(key, { ...entry, approved: token })
    }
  }

  async #write(call: string): Promise<void> {
    this.#enter(call)
    await this.beforeWrite()
  }

  #enter(call: string): void {
    this.calls.push(call)
    if (this.down) throw new HermesError('database_unavailable', 'the ledger is away')
  }
}
