import { HermesError } from '../../errors.ts'
import type { PostgresClient } from '../postgres-client.ts'
import type { PostgresChangesConfig } from './postgres-config.ts'
import { identifier, literal, replicationNames } from './postgres-names.ts'
import { type FollowedTable, qualified, serverVersion, tablesNamed, tablesPublished } from './postgres-tables.ts'

const OLDEST = 130_000
/** Stands as the comment of every publication that Hermes made, and says that it may drop it. */
const MARK = 'Made by Hermes'

/**
 * The tables to follow. Throws `connector_refused` for what keeps this server from having them followed: nothing is
 * changed.
 */
export async function followedTables(
  client: PostgresClient,
  config: PostgresChangesConfig,
  signal: AbortSignal,
): Promise<readonly FollowedTable[]> {
  await checkServer(client, signal)
  const { publication, isOwnPublication } = replicationNames(config)
  const named = config.tables === undefined ? undefined : await tablesNamed(client, config.tables, signal)
  const tables = isOwnPublication
    ? ownTables(client, config, named ?? [])
    : await publishedTables(client, publication, named, signal)
  const hidden = config.snapshot === 'initial' ? tables.find(({ isReadable }) => !isReadable) : undefined
  if (hidden !== undefined) {
    throw refused(client, `this role may not read ${shown(hidden)}`, 'GRANT SELECT to it, or set snapshot: never.')
  }
  return tables
}

/** Brings a publication of Hermes' own to these tables. Throws `connector_refused` for one that is somebody else's. */
export async function ensurePublication(
  client: PostgresClient,
  config: PostgresChangesConfig,
  tables: readonly FollowedTable[],
  signal: AbortSignal,
): Promise<void> {
  const { publication, isOwnPublication } = replicationNames(config)
  if (!isOwnPublication) return
  const name = identifier(publication)
  const list = tables.map((table) => (table.isPartitioned ? qualified(table) : `ONLY ${qualified(table)}`)).join(', ')
  const found = await publicationNamed(client, publication, signal)
  const publish = literal(config.operations.join(', '))
  if (found === undefined) {
    const options = `publish = ${publish}, publish_via_partition_root = true`
    const make = `CREATE PUBLICATION ${name} FOR TABLE ${list} WITH (${options})`
    await client.query(`BEGIN; ${make}; COMMENT ON PUBLICATION ${name} IS ${literal(MARK)}; COMMIT`, signal)
    return
  }
  if (!found.isMarked) {
    const fix = 'Name another one: those that begin with hermes_ are made by Hermes, for one workflow each.'
    throw refused(client, `there is a publication ${publication} that Hermes did not make`, fix)
  }
  const wanted = tables.map(({ oid }) => oid).toSorted((a, b) => a - b)
  if (wanted.join() !== found.tables.join()) await client.query(`ALTER PUBLICATION ${name} SET TABLE ${list}`, signal)
  if (config.operations.toSorted().join() !== found.operations.join()) {
    await client.query(`ALTER PUBLICATION ${name} SET (publish = ${publish})`, signal)
  }
}

/** Drops a publication if Hermes made it. */
export async function dropPublication(client: PostgresClient, publication: string, signal: AbortSignal): Promise<void> {
  const found = await publicationNamed(client, publication, signal)
  if (found?.isMarked === true) await client.query(`DROP PUBLICATION IF EXISTS ${identifier(publication)}`, signal)
}

async function checkServer(client: PostgresClient, signal: AbortSignal): Promise<void> {
  if ((await serverVersion(client, signal)) < OLDEST) throw refused(client, 'the server is older than PostgreSQL 13')
  const { rows } = await client.query("SELECT pg_catalog.current_setting('wal_level')", signal)
  const [[level] = []] = rows
  if (level === 'logical') return
  const fix = 'Set wal_level = logical on the server, and start it again.'
  throw refused(client, `the server's wal_level is ${level}, which has no logical replication`, fix)
}

/** A table whose rows cannot be told apart must not be published: UPDATE and DELETE on it would fail from then on. */
function ownTables(
  client: PostgresClient,
  { operations }: PostgresChangesConfig,
  tables: readonly FollowedTable[],
): readonly FollowedTable[] {
  const odd = tables.find(({ isPermanent }) => !isPermanent)
  if (odd !== undefined) throw refused(client, `${shown(odd)} is not a table that is written to the log`)
  const changes = operations.includes('update') || operations.includes('delete')
  const bare = changes ? tables.find(({ hasIdentity }) => !hasIdentity) : undefined
  if (bare === undefined) return tables
  const what = `${shown(bare)} has no primary key and no other replica identity: published, it would refuse every UPDATE`
  const fix = `Give it a primary key, ALTER TABLE ${shown(bare)} REPLICA IDENTITY FULL, or set operations: [insert].`
  throw refused(client, what, fix)
}

async function publishedTables(
  client: PostgresClient,
  publication: string,
  named: readonly FollowedTable[] | undefined,
  signal: AbortSignal,
): Promise<readonly FollowedTable[]> {
  if ((await publicationNamed(client, publication, signal)) === undefined) {
    const fix = 'Create it, or let Hermes do that: by a name that begins with hermes_.'
    throw refused(client, `there is no publication ${publication}`, fix)
  }
  const published = await tablesPublished(client, publication, signal)
  if (named === undefined) return published
  return named.map((table) => {
    const found = published.find(({ oid }) => oid === table.oid)
    if (found === undefined) throw refused(client, `${shown(table)} is not in the publication ${publication}`)
    return found
  })
}

interface FoundPublication {
  readonly isMarked: boolean
  readonly tables: readonly number[]
  readonly operations: readonly string[]
}

async function publicationNamed(
  client: PostgresClient,
  publication: string,
  signal: AbortSignal,
): Promise<FoundPublication | undefined> {
  const { rows } = await client.query(
    `SELECT pg_catalog.obj_description(p.oid, 'pg_publication'), p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
       (SELECT pg_catalog.json_agg(prrelid::int8 ORDER BY prrelid) FROM pg_catalog.pg_publication_rel WHERE prpubid = p.oid)
     FROM pg_catalog.pg_publication p WHERE p.pubname = $1`,
    signal,
    { values: [publication] },
  )
  const [row] = rows
  if (row === undefined) return undefined
  const [comment, insert, update, remove, truncate, tables] = row
  const flags = { delete: remove, insert, truncate, update }
  return {
    isMarked: comment === MARK,
    tables: tables ? (JSON.parse(tables) as number[]) : [],
    operations: Object.entries(flags).flatMap(([operation, flag]) => (flag === 't' ? [operation] : [])),
  }
}

function shown({ schema, name }: FollowedTable): string {
  return `${schema}.${name}`
}

function refused({ name }: PostgresClient, message: string, fix?: string): HermesError {
  return new HermesError('connector_refused', `${name}: ${message}`, fix === undefined ? {} : { fix })
}
