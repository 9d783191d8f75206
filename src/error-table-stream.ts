import type { ErrorKind } from './error-kind.ts'

/** The codes of workflows; a part of the error table. */
export const streamErrors = {
  volatile_source: {
    next: 'note',
    summary: 'The source of a workflow cannot read again, and its buffer does not outlive the process.',
    fix: 'Give it `buffer: { file: {} }`, or live with the loss.',
  },
  route_unused: {
    next: 'note',
    summary: 'A sink takes only a route that no step gives.',
    fix: 'Correct the name of the route, or leave the sink away.',
  },
  message_invalid: {
    next: 'stalled',
    summary: 'A message is not what it should be.',
    fix: 'Look at it with `hermes dead-letters`, and correct the source or the workflow.',
  },
  message_rejected: {
    next: 'stalled',
    summary: 'A step or a sink of a pipeline in a program rejected a message, and nothing takes its dead letters.',
    fix: 'Give it `deadLetters`, or correct the message, the step or the sink.',
  },
  not_drained: {
    next: 'retry',
    summary: 'A stop did not wait any longer for what was read to reach the sinks.',
    fix: 'The next start reads it again where the source can; raise `delivery.drain` if the sinks need longer.',
  },
  state_invalid: {
    next: 'stalled',
    summary: 'The file that a pipeline in a program keeps its position in is none of its own.',
    fix: 'Restore it. Without the file the source is read from its beginning.',
  },
  state_in_use: {
    next: 'retry',
    summary: 'Another pipeline has the file open that this one would keep its position in.',
    fix: 'Stop the other one, or give this one a file of its own.',
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
  sink_stalled: {
    next: 'retry',
    summary: 'A write of a workflow does not end: who should take it takes nothing.',
    fix: 'Look why its reader or its disk is so slow; the write goes on by itself.',
  },
  changes_lost: {
    next: 'stalled',
    summary: 'A server no longer has the changes that follow on what a workflow read.',
    fix: 'Begin anew with a snapshot: give the slot another name.',
  },
  webhook_busy: {
    next: 'retry',
    summary: 'A webhook could not be taken: its workflow does not run, or is full.',
    fix: 'Send it again after the time that Retry-After names.',
  },
  webhook_too_large: {
    next: 'refused',
    summary: 'The body of a webhook is larger than its workflow takes.',
    fix: 'Send less at once, or raise maxBytes.',
  },
  file_sink_failed: {
    next: 'retry',
    summary: 'A file that a workflow writes to could not be written.',
    fix: 'Check the free space, the permissions and the disk.',
  },
  buffer_damaged: {
    next: 'stalled',
    summary: 'A buffer on disk cannot be used.',
    fix: 'Look at it with `hermes buffer verify`.',
  },
  buffer_absent: {
    next: 'refused',
    summary: 'There is no file buffer where one was looked for.',
    fix: 'Name a workflow with `buffer: { file: {} }` that has run, or the directory of a buffer with --dir.',
  },
  buffer_in_use: {
    next: 'retry',
    summary: 'Another process has the buffer open.',
    fix: 'Stop the other service, or give this one a data directory of its own.',
  },
} as const satisfies Record<string, ErrorKind>
