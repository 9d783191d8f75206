import type { FromSchema } from 'json-schema-to-ts'
import { durationPattern } from '../../manifest/duration.ts'

/** The schema of `spec.source.file` of a Workflow. */
export const followFileSchema = {
  type: 'object',
  description:
    'The lines of a file as messages, and what is written to it from then on, as `tail -F` does; the bytes of a line ' +
    'are the payload. Rotation is followed: the rest of a file that was renamed (app.log.1, app-20260131.log) or ' +
    'copied and cut is read before the new one, also what was rotated while Hermes did not run. It waits for a file ' +
    'that is not there. Empty lines are left out; the last line counts when its line break is there, or the file is ' +
    'rotated. What a writer cuts off before it is read, with no copy of it left uncompressed beside the file, is lost, ' +
    'and logged.',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      'x-template': true,
      'x-path': true,
      description: 'The file; relative to the manifests directory.',
    },
    follow: {
      type: 'boolean',
      default: true,
      description: 'false: it ends at the end of the file, with its last line whether or not it has a line break.',
    },
    start: {
      enum: ['beginning', 'end'],
      default: 'beginning',
      description:
        'Where it begins in a file that is there already while there is no position; files that were rotated before ' +
        'that are not looked for.',
    },
    maxLineBytes: {
      type: 'integer',
      minimum: 1,
      maximum: 268_435_456,
      default: 1_048_576,
      description: 'Longest line.',
    },
    longLines: {
      enum: ['fail', 'skip'],
      default: 'fail',
      description: 'What becomes of a longer one: fail stops the workflow there; skip leaves it out, which is logged.',
    },
    poll: {
      type: 'string',
      pattern: durationPattern,
      'x-pattern-hint': 'a duration such as 500ms or 1m',
      default: '1s',
      description:
        'How often the file is looked at where the file system announces no change: on network file systems above all. ' +
        'On local ones it is looked at every 10s, should an announcement be lost.',
    },
  },
} as const

export type FollowFileConfig = FromSchema<typeof followFileSchema>
