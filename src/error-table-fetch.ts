import type { ErrorKind } from './error-kind.ts'

/** The codes of fetches and of the rows they bring; a part of the error table. */
export const fetchErrors = {
  // Fetching
  http_network: {
    next: 'retry',
    summary: 'The server could not be reached.',
    fix: 'Check the URL, the network, the proxy and TLS settings.',
  },
  http_timeout: {
    next: 'retry',
    summary: 'The server did not answer in time.',
    fix: 'Raise http.timeout, or ask for smaller pages.',
  },
  http_rate_limited: {
    next: 'retry',
    summary: 'The server asks to slow down.',
    fix: 'Lower rateLimit on the Connection.',
  },
  http_server_error: { next: 'retry', summary: 'The server failed.', fix: 'Nothing; Hermes tries again.' },
  http_unauthorized: {
    next: 'stalled',
    summary: 'The server refused the credentials.',
    fix: "Check the Connection's auth and its secrets.",
  },
  http_client_error: {
    next: 'stalled',
    summary: 'The server refused the request.',
    fix: 'Check path, query and body.',
  },
  http_too_large: {
    next: 'stalled',
    summary: 'The answer is larger than maxResponseBytes.',
    fix: 'Raise the limit, or ask for smaller pages.',
  },
  http_tls: {
    next: 'stalled',
    summary: "The server's certificate was not accepted.",
    fix: 'Set tls.ca on the Connection, or correct the host name.',
  },
  response_not_json: {
    next: 'stalled',
    summary: 'The answer is not JSON.',
    fix: 'Check path and headers; look at the answer with `hermes preview`.',
  },
  records_not_found: {
    next: 'stalled',
    summary: 'The records path leads to nothing that is a list or an object.',
    fix: 'Correct `records`; look at the answer with `hermes preview`.',
  },
  page_repeated: {
    next: 'stalled',
    summary: 'The server sent the same page or cursor twice: the pagination does not advance.',
    fix: 'Check the pagination settings.',
  },
  pagination_invalid: { next: 'stalled', summary: 'The answer contradicts the pagination.', fix: 'Check its paths.' },
  max_pages: {
    next: 'stalled',
    summary: 'The fetch went over maxPages and was not finished.',
    fix: 'Raise maxPages or narrow the request.',
  },
  file_source_missing: {
    next: 'retry',
    summary: 'No file matches the path.',
    fix: 'Check `file.path`; it is relative to the manifests directory.',
  },
  file_source_invalid: {
    next: 'stalled',
    summary: 'A data file could not be parsed.',
    fix: 'Correct the file at the place named, or set its format.',
  },
  // Rows
  message_rejected: { next: 'stalled', summary: 'A sink refused messages for good.', fix: 'Correct the messages.' },
  value_mismatch: {
    next: 'stalled',
    summary: 'A value does not fit the declared type of its column.',
    fix: 'Widen the column in the manifest, or correct the source.',
  },
  key_missing: {
    next: 'stalled',
    summary: 'A record has no value in a primary key field.',
    fix: 'Choose another primaryKey, or write: append.',
  },
  record_not_object: {
    next: 'stalled',
    summary: 'A record is not an object.',
    fix: 'Correct `records` so that it leads to objects.',
  },
  cursor_missing: {
    next: 'stalled',
    summary: 'The incremental column is not in the records, or not in the table.',
    fix: 'Name a field that the records carry.',
  },
  too_many_columns: {
    next: 'stalled',
    summary: 'The records have more fields than a table can have columns.',
    fix: 'Correct `records`, or declare the columns wanted and set evolve: freeze.',
  },
  run_displaced: {
    next: 'retry',
    summary: 'A run was removed, or another one of its source has begun, while it was under way.',
    fix: 'Nothing; nothing of the page in hand was written.',
  },
} as const satisfies Record<string, ErrorKind>
