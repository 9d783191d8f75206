import { HermesError } from '../../errors.ts'
import { openPostgres, type PostgresClient } from '../postgres-client.ts'
import type { PostgresServerConfig } from '../postgres-config.ts'
import { identifier, type ReplicationNames } from './postgres-names.ts'

/** A slot that is there, and what to read from. */
export interface BegunSlot extends AsyncDisposable {
  readonly system: string
  /** Its consistent point when it was made just now, else the place up to which everything was confirmed. */
  readonly start: string
  /** Shows exactly the rows as of `start`, until this is disposed; only where the slot was made just now. */
  readonly snapshot?: string
}

/** A slot waits for every transaction that writes when it is made. */
const MAKE_MS = 86_400_000

/**
 * Finds the slot, or makes it when nothing was read by it yet. Throws `changes_lost` when it is gone or was invalidated,
 * `connector_refused` for one that is not made for this, or is not there and not Hermes' to make.
 */
export async function beginSlot(
  config: PostgresServerConfig,
  names: ReplicationNames,
  expected: { readonly system: string } | undefined,
  signal: AbortSignal,
): Promise<BegunSlot> {
  await using opening = new AsyncDisposableStack()
  const client = opening.use(await openPostgres(config, signal, { replication: true }))
  const system = (await client.query('IDENTIFY_SYSTEM', signal)).rows[0]?.[0] ?? ''
  if (expected !== undefined && expected.system !== system) throw lost(client, names, 'this is another server')
  const found = await slotNamed(client, names.slot, signal)
  if (found !== undefined) {
    checkSlot(client, names, found)
    return { system, start: found.confirmed, [Symbol.asyncDispose]: async () => {} }
  }
  if (expected !== undefined) throw lost(client, names, `there is no replication slot ${names.slot} any more`)
  if (!names.isOwnSlot) {
    const fix = 'Create it, or let Hermes do that: by a name that begins with hermes_.'
    throw new HermesError('connector_refused', `${client.name}: there is no replication slot ${names.slot}`, { fix })
  }
  const make = `CREATE_REPLICATION_SLOT ${identifier(names.slot)} LOGICAL pgoutput EXPORT_SNAPSHOT`
  const [[, start, snapshot] = []] = (await client.query(make, signal, { withinMs: MAKE_MS })).rows
  const held = opening.move()
  return {
    system,
    start: start ?? '',
    ...(snapshot ? { snapshot } : {}),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Drops a slot, if it is there. Throws `connector_unavailable` when somebody reads from it, and goes on doing so. */
export async function dropSlot(client: PostgresClient, slot: string, signal: AbortSignal): Promise<void> {
  let found = await slotNamed(client, slot, signal)
  // The server notices a moment later that its reader has gone.
  for (let tries = 0; tries < 10 && typeof found?.reader === 'string'; tries += 1) {
    await client.query('SELECT pg_catalog.pg_sleep(0.2)', signal)
    found = await slotNamed(client, slot, signal)
  }
  if (found === undefined || !found.isUsable) return
  await client.query('SELECT pg_catalog.pg_drop_replication_slot($1)', signal, { values: [slot] })
}

interface FoundSlot {
  readonly confirmed: string
  /** Of pgoutput, and of this database. */
  readonly isUsable: boolean
  readonly isLost: boolean
  /** The server process that reads it, or makes it. */
  readonly reader: string | null
}

async function slotNamed(client: PostgresClient, slot: string, signal: AbortSignal): Promise<FoundSlot | undefined> {
  // The replication protocol takes no values; a slot's name has nothing that needs quoting.
  const { rows } = await client.query(
    `SELECT confirmed_flush_lsn, plugin = 'pgoutput' AND database = pg_catalog.current_database(), wal_status, active_pid
     FROM pg_catalog.pg_replication_slots WHERE slot_name = '${slot}'`,
    signal,
  )
  const [row] = rows
  if (row === undefined) return undefined
  return { confirmed: row[0] ?? '', isUsable: row[1] === 't', isLost: row[2] === 'lost', reader: row[3] ?? null }
}

function checkSlot(client: PostgresClient, names: ReplicationNames, found: FoundSlot): void {
  const { isUsable, isLost, confirmed, reader } = found
  if (isLost) {
    throw lost(client, names, `the server gave the replication slot ${names.slot} up (max_slot_wal_keep_size)`)
  }
  if (!isUsable) {
    const message = `the replication slot ${names.slot} is not one of pgoutput in this database`
    throw new HermesError('connector_refused', `${client.name}: ${message}`)
  }
  if (reader !== null) {
    const message = `the replication slot ${names.slot} is in use by another connection (PID ${reader})`
    const fix =
      'Give each workflow a slot of its own; one that another instance of Hermes reads is free when that stops.'
    throw new HermesError('connector_unavailable', `${client.name}: ${message}`, { fix })
  }
  if (confirmed === '') {
    const message = `the replication slot ${names.slot} is still being made: it waits for transactions to end`
    throw new HermesError('connector_unavailable', `${client.name}: ${message}`)
  }
}

/** What was written since the last confirmation can never be read. */
export function lost({ name }: Pick<PostgresClient, 'name'>, { slot }: ReplicationNames, why: string): HermesError {
  return new HermesError('changes_lost', `${name}: ${why}; changes since the last one that was read are lost`, {
    fix: `Give changes.slot another name than ${slot}: Hermes begins anew there, with a snapshot. Deletions that were lost stay unheard of.`,
  })
}
