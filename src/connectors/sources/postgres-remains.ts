import type { Remains } from '../../stream/connector.ts'
import { openPostgres, withPostgres } from '../postgres-client.ts'
import { type PostgresServerConfig, postgresAddress } from '../postgres-config.ts'
import type { PostgresSourceConfig } from './postgres-config.ts'
import { replicationNames } from './postgres-names.ts'
import { dropPublication } from './postgres-publication.ts'
import { dropSlot } from './postgres-slot.ts'

/** Slot and publication that Hermes made: left behind, the slot fills the disk of the server. */
export const postgresRemains: Remains<PostgresSourceConfig> = {
  describe: (config, kept) => {
    const own = namesOf(config)
    const still = kept !== undefined && placeIn(kept.url) === placeIn(config.url) ? usedBy(kept) : undefined
    const names = [
      ...(own?.slot === undefined || own.slot === still?.slot ? [] : [`the replication slot ${own.slot}`]),
      ...(own?.publication === undefined || own.publication === still?.publication
        ? []
        : [`the publication ${own.publication}`]),
    ]
    return names.length === 0 ? undefined : names.join(' and ')
  },
  remove: async (config, kept, signal) => {
    const own = namesOf(config)
    if (own === undefined) return
    const still = kept === undefined ? undefined : await stillUsed(config, kept, signal)
    const { slot, publication } = own
    if (slot === still?.slot && publication === still?.publication) return
    await withPostgres(config, signal, async (client) => {
      // The slot first: without it the publication keeps nothing.
      if (slot !== undefined && slot !== still?.slot) await dropSlot(client, slot, signal)
      if (publication !== undefined && publication !== still?.publication) {
        await dropPublication(client, publication, signal)
      }
    })
  },
}

/** An address as it was written, without credentials: what else differs may lead to the same server still. */
function placeIn(url: string): string {
  return url.replace(/^[^/]*\/\/([^/]*@)?/, '').replace(/\?.*$/, '')
}

interface Names {
  readonly slot?: string
  readonly publication?: string
}

/** What is Hermes' own, and is to go. */
function namesOf({ changes }: PostgresSourceConfig): Names | undefined {
  if (changes === undefined || changes.deletionPolicy === 'orphan') return undefined
  const { isOwnSlot, slot, isOwnPublication, publication } = replicationNames(changes)
  if (!isOwnSlot && !isOwnPublication) return undefined
  return { ...(isOwnSlot ? { slot } : {}), ...(isOwnPublication ? { publication } : {}) }
}

function usedBy({ changes }: PostgresSourceConfig): Names {
  return changes === undefined ? {} : replicationNames(changes)
}

/** What `kept` uses of the database that `config` names; nothing when it uses another one. */
async function stillUsed(
  config: PostgresSourceConfig,
  kept: PostgresSourceConfig,
  signal: AbortSignal,
): Promise<Names | undefined> {
  const [own, used] = [namesOf(config), usedBy(kept)]
  const shares = own?.slot === used.slot || own?.publication === used.publication
  return shares && (await isSameDatabase(config, kept, signal)) ? used : undefined
}

/** Whether both lead to one database, by whatever address. */
async function isSameDatabase(
  one: PostgresServerConfig,
  other: PostgresServerConfig,
  signal: AbortSignal,
): Promise<boolean> {
  const [a, b] = [postgresAddress(one), postgresAddress(other)]
  if (a.database !== b.database) return false
  if (a.shown === b.shown) return true
  const [left, right] = await Promise.all([systemOf(one, signal), systemOf(other, signal)])
  return left === right
}

async function systemOf(config: PostgresServerConfig, signal: AbortSignal): Promise<string | null | undefined> {
  await using client = await openPostgres(config, signal, { replication: true })
  return (await client.query('IDENTIFY_SYSTEM', signal)).rows[0]?.[0]
}
