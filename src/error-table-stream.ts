import type { ErrorKind } from './error-kind.ts'

/** The codes of workflows; a part of the error table. */
export const streamErrors = {
  message_invalid: {
    next: 'stalled',
    summary: 'A message is not what it should be.',
    fix: 'Look at it with `hermes dead-letters`, and correct the source or the workflow.',
  },
  connector_unavailable: {
    next: 'retry',
    summary: 'A server that a workflow reads from or writes to could not be reached.',
    fix: 'Check its address, that it runs, and the network between.',
  },
  connector_refused: {
    next: 'stalled',
    summary: 'A server refused what a workflow asked for: credentials, a name, a permission.',
    fix: 'Correct the manifest, or what the server allows.',
  },
  buffer_damaged: {
    next: 'stalled',
    summary: 'A buffer on disk cannot be used.',
    fix: 'Look at it with `hermes buffer verify`.',
  },
} as const satisfies Record<string, ErrorKind>
