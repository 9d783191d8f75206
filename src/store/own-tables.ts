import { HermesError } from '../errors.ts'

/** Rises by one with every change to Hermes' own tables that an older Hermes could not live with. */
export const schemaVersion = 1

/** What `ownTablesSql` creates; a database of an earlier version lacks those that came later. */
export const ownTables = [
  'hermes_meta',
  'hermes_resources',
  'hermes_retries',
  'hermes_dead_letters',
  'hermes_checkpoints',
] as const

/**
 * Creates Hermes' own tables where they are missing; the same text on both databases. SQLite stores bytes as they are in
 * a column that it knows no type of. A dead letter's id begins with its time, so its key is the index by time as well.
 */
export const ownTablesSql = `
CREATE TABLE IF NOT EXISTS hermes_meta (key text NOT NULL PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS hermes_resources (
  kind text NOT NULL,
  name text NOT NULL,
  file text NOT NULL,
  line integer NOT NULL,
  col integer NOT NULL,
  revision text NOT NULL,
  registered_at bigint NOT NULL,
  settled text,
  intents text NOT NULL,
  newest text NOT NULL,
  approved text,
  PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS hermes_retries (
  source_name text NOT NULL PRIMARY KEY,
  attempt integer NOT NULL,
  not_before bigint,
  started_at bigint,
  empty_at bigint,
  position text,
  spec text,
  "rows" bigint NOT NULL,
  error_code text,
  last_error text
);
CREATE TABLE IF NOT EXISTS hermes_dead_letters (
  workflow text NOT NULL,
  id text NOT NULL,
  payload bytea NOT NULL,
  reason text NOT NULL,
  stage text NOT NULL,
  position text,
  message_id text,
  message_key text,
  route text,
  attempts integer NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (workflow, id)
);
CREATE TABLE IF NOT EXISTS hermes_checkpoints (
  workflow text NOT NULL PRIMARY KEY,
  position text,
  term bigint NOT NULL DEFAULT 0,
  updated_at bigint NOT NULL
);
INSERT INTO hermes_meta (key, value) VALUES ('schema_version', '${schemaVersion}') ON CONFLICT (key) DO NOTHING;
`

/** Refuses a database that a newer Hermes has changed; `version` is what `hermes_meta` says. */
export function checkSchemaVersion(version: string | undefined, location: string): void {
  if (version === undefined || Number(version) <= schemaVersion) return
  throw new HermesError(
    'database_newer',
    `${location} has schema version ${version}; this Hermes knows versions up to ${schemaVersion}`,
  )
}
