/**
 * What happens next:
 * `retry` Hermes tries again by itself, with backoff · `stalled` a person or a change must act first ·
 * `refused` the request was not carried out · `note` nothing is wrong, but worth a look.
 */
export type NextMove = 'retry' | 'stalled' | 'refused' | 'note'

/** What a code means, and what to do. */
export interface ErrorKind {
  readonly next: NextMove
  readonly summary: string
  readonly fix: string
}
