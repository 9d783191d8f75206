import type { ResourceStatus } from '../service/api.ts'
import type { Style } from './paint.ts'

/** The colour of each state. */
export const stateStyle: Readonly<Record<ResourceStatus['state'], Style>> = {
  ready: 'green',
  progressing: 'cyan',
  waiting: 'yellow',
  retrying: 'yellow',
  stalled: 'red',
  blocked: 'magenta',
  suspended: 'dim',
}
