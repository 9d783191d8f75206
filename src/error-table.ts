import type { ErrorKind } from './error-kind.ts'
import { fetchErrors } from './error-table-fetch.ts'
import { gitErrors } from './error-table-git.ts'
import { streamErrors } from './error-table-stream.ts'

/** Every code that Hermes prints, with what it means and what to do. `docs/errors.md` is generated from it. */
export const errorTable = {
  // Manifests
  yaml_syntax: {
    next: 'stalled',
    summary: 'The file is not valid YAML.',
    fix: 'Correct the syntax at the place named.',
  },
  yaml_duplicate_key: {
    next: 'stalled',
    summary: 'A mapping has the same key twice.',
    fix: 'Remove one of the two keys.',
  },
  yaml_alias_bomb: {
    next: 'stalled',
    summary: 'Anchors and aliases expand to too much.',
    fix: 'Write the values out instead of nesting aliases.',
  },
  file_too_large: {
    next: 'stalled',
    summary: 'The manifest file is larger than the limit.',
    fix: 'Split it into several files.',
  },
  file_not_text: {
    next: 'stalled',
    summary: 'The file is not UTF-8 text.',
    fix: 'Save it as UTF-8, or move it out of the manifests directory.',
  },
  file_unreadable: {
    next: 'retry',
    summary: 'The file or directory could not be read.',
    fix: 'Check its permissions; what it declared before stays in force.',
  },
  file_unwritable: {
    next: 'refused',
    summary: 'A manifest file could not be written.',
    fix: 'Check the permissions of the manifests directory, and its disk.',
  },
  file_changed: { next: 'refused', summary: 'A manifest file changed while it was being edited.', fix: 'Try again.' },
  symlink_loop: { next: 'stalled', summary: 'A symbolic link leads back to itself.', fix: 'Remove the link.' },
  manifests_missing: {
    next: 'retry',
    summary: 'The manifests directory does not exist.',
    fix: 'Create it, or name another one with --manifests.',
  },
  not_a_manifest: {
    next: 'stalled',
    summary: 'The document is not a mapping with apiVersion, kind, metadata and spec.',
    fix: 'Start from `hermes init`, or move the file out of the manifests directory.',
  },
  unknown_api_version: {
    next: 'stalled',
    summary: 'The apiVersion is not one that this Hermes reads.',
    fix: 'Use apiVersion: hermes/v1.',
  },
  unknown_kind: {
    next: 'stalled',
    summary: 'The kind is not known.',
    fix: 'Use one of the kinds that `hermes schema` lists.',
  },
  unknown_field: {
    next: 'stalled',
    summary: 'A field is not known at this place.',
    fix: 'Correct its name or remove it.',
  },
  missing_field: { next: 'stalled', summary: 'A required field is missing.', fix: 'Add the field.' },
  invalid_value: {
    next: 'stalled',
    summary: 'A value does not fit its field.',
    fix: 'Use a value as the schema describes.',
  },
  one_of: { next: 'stalled', summary: 'Exactly one of several fields must be given.', fix: 'Keep one of them.' },
  invalid_name: {
    next: 'stalled',
    summary: 'A name has characters that names may not have.',
    fix: 'Use lower-case letters, digits, "-" and ".", at most 253 of them.',
  },
  duplicate_name: {
    next: 'stalled',
    summary: 'Two manifests have the same kind and name.',
    fix: 'Rename or remove one of them.',
  },
  list_unreadable: {
    next: 'retry',
    summary: 'The list that `spec.forEach.from` names is missing or cannot be read.',
    fix: 'Restore it, or correct spec.forEach.from; what it gave before stays in force.',
  },
  list_invalid: {
    next: 'stalled',
    summary: 'A list of `spec.forEach` is not as it must be.',
    fix: 'Correct the list; what it gave before stays in force.',
  },
  generated: {
    next: 'refused',
    summary: 'The resource is one of many that a manifest with `spec.forEach` makes.',
    fix: 'Edit the manifest or its list.',
  },
  expression_syntax: { next: 'stalled', summary: 'A CEL expression does not parse.', fix: 'Correct the expression.' },
  expression_type: {
    next: 'stalled',
    summary: 'A CEL expression does not type-check.',
    fix: 'Use the variables and functions that the field offers.',
  },
  expression_not_allowed: {
    next: 'stalled',
    summary: 'An expression or a secret stands where none may.',
    fix: 'Write the value itself, or $${ for a literal ${.',
  },
  invalid_cron: {
    next: 'stalled',
    summary: 'The cron expression or its time zone is not valid.',
    fix: 'Use five or six fields and an IANA time zone.',
  },
  wrong_connection: {
    next: 'stalled',
    summary: 'A manifest names a Connection that is for something else.',
    fix: 'Name a Connection with `http` for what speaks HTTP, one with `database` in the sink `table`.',
  },
  missing_reference: {
    next: 'stalled',
    summary: 'A manifest names a resource that does not exist.',
    fix: 'Add the resource; what waits for it starts by itself.',
  },
  reference_cycle: {
    next: 'stalled',
    summary: 'Resources refer to each other in a circle.',
    fix: 'Take one of the references out.',
  },
  // Secrets
  secret_missing: {
    next: 'stalled',
    summary: 'A secret has no value.',
    fix: 'Set HERMES_SECRET_<NAME> or add a file of that name to the secrets directory.',
  },
  secret_literal: {
    next: 'stalled',
    summary: 'A field that holds a secret holds no reference to one.',
    fix: 'Take the value out of use if it is one, put the new one into a secret, and write ${secrets.NAME} here.',
  },
  secret_unencrypted: {
    next: 'stalled',
    summary: 'A secret lies in a file of secrets for everybody to read.',
    fix: 'Take it out of use where it came from, and encrypt the new one: `sops encrypt --in-place FILE`.',
  },
  secret_undecryptable: {
    next: 'stalled',
    summary: 'A file of secrets cannot be decrypted, or was changed without SOPS.',
    fix: 'Put an age key of one of its recipients into the secret SOPS_AGE_KEY, or write the file anew with SOPS.',
  },
  secret_file_invalid: {
    next: 'stalled',
    summary: 'A file of secrets is not a flat mapping that SOPS encrypted for age.',
    fix: 'Write it with `sops`: names of capital letters, digits and _, each with a text.',
  },
  secret_duplicate: {
    next: 'stalled',
    summary: 'Two files of secrets have the same name.',
    fix: 'Remove it from one of them.',
  },
  // Reconciling
  not_converged: {
    next: 'retry',
    summary: 'After applying a plan the world still differs from the manifests.',
    fix: 'Look for another program that changes the same tables.',
  },
  step_failed: {
    next: 'retry',
    summary: 'A step of a plan failed.',
    fix: 'See the message; Hermes tries again with backoff.',
  },
  approval_needed: {
    next: 'stalled',
    summary: 'A change would destroy data of a live resource.',
    fix: 'Look at `hermes plan`, then `hermes approve HASH`.',
  },
  prune_guard: {
    next: 'stalled',
    summary: 'A revision would remove unusually many resources.',
    fix: 'Look at `hermes plan`, then `hermes approve HASH`.',
  },
  approval_stale: {
    next: 'refused',
    summary: 'No pending change has this approval hash.',
    fix: 'Run `hermes plan` again and approve the hash it prints.',
  },
  plan_stale: {
    next: 'refused',
    summary: 'The plan to be applied is not the one that would be carried out now.',
    fix: 'Look at `hermes plan` again, and apply the hash it prints.',
  },
  table_conflict: {
    next: 'stalled',
    summary: 'Sources that share a table disagree about it.',
    fix: 'Give both the same column type, primary key and write mode, or another table.',
  },
  table_foreign: {
    next: 'stalled',
    summary: 'A table of this name exists that Hermes did not create.',
    fix: 'Choose another table name, or move the existing table away.',
  },
  table_not_empty: {
    next: 'retry',
    summary: 'A table to be dropped holds rows of somebody else.',
    fix: 'Look at who writes there; Hermes keeps the table.',
  },
  // Plan notes
  reserved_column: {
    next: 'note',
    summary: 'A record field has the name of a reserved column and is stored under another.',
    fix: 'Nothing to do; query record_created_at or record_source_name.',
  },
  column_dropped: {
    next: 'note',
    summary: 'A column and its values go.',
    fix: 'Approve it, or put the column back into the manifest.',
  },
  column_narrowed: {
    next: 'note',
    summary: 'A column gets a type that not all of its values fit.',
    fix: 'Approve it, or keep the wider type.',
  },
  key_changed: {
    next: 'note',
    summary: 'The primary key changes; rows that share a new key are merged.',
    fix: 'Approve it, or keep the key.',
  },
  rows_deleted: {
    next: 'note',
    summary: 'Rows of a removed source go.',
    fix: 'Set deletionPolicy: orphan before removing it to keep them.',
  },
  table_dropped: {
    next: 'note',
    summary: 'A table that no source uses any more goes.',
    fix: 'Set deletionPolicy: orphan on its sources to keep it.',
  },
  ...fetchErrors,
  ...streamErrors,
  // Database
  database_unavailable: {
    next: 'retry',
    summary: 'The database could not be reached.',
    fix: 'Check --database and the server; Hermes goes on when it is back.',
  },
  database_error: { next: 'retry', summary: 'The database refused a statement.', fix: 'See the message.' },
  database_newer: {
    next: 'refused',
    summary: 'The database was written by a newer Hermes.',
    fix: 'Use that version, or another database.',
  },
  // Service and command line
  usage: { next: 'refused', summary: 'The command line is not understood.', fix: 'See --help.' },
  not_in_force: {
    next: 'refused',
    summary: 'The resource is not in force as its manifest says now.',
    fix: 'Run `hermes apply` first.',
  },
  suspended: {
    next: 'refused',
    summary: 'The source is suspended: nothing of it is fetched.',
    fix: 'Take it up again with `hermes resume NAME`.',
  },
  sync_window_denied: {
    next: 'refused',
    summary: 'A deny window of the source covers this moment.',
    fix: 'Wait until it ends, or change spec.syncWindow.',
  },
  interrupted: { next: 'refused', summary: 'The command was interrupted.', fix: 'Run it again to go on.' },
  file_exists: { next: 'refused', summary: 'A file that would be written is there.', fix: 'Name another directory.' },
  setting_invalid: {
    next: 'refused',
    summary: 'A flag or environment variable has a value that does not work.',
    fix: 'See `hermes serve --help`.',
  },
  service_running: {
    next: 'refused',
    summary: 'A service already runs on this data directory.',
    fix: 'Stop it, or use another --data-dir.',
  },
  service_absent: {
    next: 'refused',
    summary: 'No service answers on the socket.',
    fix: 'Start one with `hermes serve`, or name its --socket.',
  },
  manifests_unread: {
    next: 'retry',
    summary: 'The service has not read its manifests yet: its repository or directory takes long to answer.',
    fix: 'Ask again; `hermes-status` tells meanwhile what the database says.',
  },
  service_stopping: { next: 'retry', summary: 'The service is stopping.', fix: 'Ask again once it is back.' },
  unauthorized: {
    next: 'refused',
    summary: 'The request has no valid token.',
    fix: 'Send Authorization: Bearer TOKEN, or use the socket.',
  },
  token_needed: {
    next: 'refused',
    summary: 'Changes over TCP need a token, and the service has none.',
    fix: 'Start it with --token-file or HERMES_TOKEN, or use the socket.',
  },
  read_only_token: {
    next: 'refused',
    summary: 'The token may look and plan, and change nothing.',
    fix: 'Use the token of --token-file or HERMES_TOKEN, or the socket.',
  },
  state_invalid: {
    next: 'refused',
    summary: 'The file is not a state that `hermes export-state` wrote.',
    fix: 'Write it anew with `hermes export-state FILE`.',
  },
  state_version: {
    next: 'refused',
    summary: 'The state was written in a format that this Hermes does not read.',
    fix: 'Write it anew with `hermes export-state` of the Hermes that plans against it.',
  },
  not_found: { next: 'refused', summary: 'There is no such resource.', fix: 'See `hermes list`.' },
  already_exists: { next: 'refused', summary: 'A resource of this name exists already.', fix: 'Use `hermes update`.' },
  request_invalid: { next: 'refused', summary: 'The request is not understood.', fix: 'See /api/v1/openapi.json.' },
  internal: { next: 'retry', summary: 'Something went wrong that should not.', fix: 'Please report it with the log.' },
  ...gitErrors,
} as const satisfies Record<string, ErrorKind>
