import type { FromSchema } from 'json-schema-to-ts'
import { durationPattern } from '../../manifest/duration.ts'

/** The schema of the sink `file` of a Workflow. */
export const fileSinkSchema = {
  type: 'object',
  description:
    'Files of JSON lines or CSV. What counts as delivered is on the disk (fdatasync for each batch). Without rotate ' +
    'and date parts one file grows under its name. With them the file that is written to ends in .part, and gets its ' +
    'name when it is complete: what has the name is whole and stays as it is. After a crash a half-written last line ' +
    'is cut off and the file goes on; at most the last batch is in it twice. Sinks of one service may share a path, those of several may not.',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      'x-template': true,
      'x-path': true,
      description:
        'The file; relative to the manifests directory. Date parts, UTC: events/%Y/%m/%d/%H%M.jsonl; %% is a percent ' +
        'sign. Directories are made.',
    },
    format: { enum: ['jsonl', 'csv'], description: 'Left out: csv for .csv and .tsv, else jsonl.' },
    csv: {
      type: 'object',
      description: 'Needed for CSV.',
      additionalProperties: false,
      required: ['columns'],
      properties: {
        columns: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          minItems: 1,
          uniqueItems: true,
          description: 'Fields of the messages, in order; others are left out.',
        },
        delimiter: { type: 'string', minLength: 1, maxLength: 1, description: 'Default: a comma; a tab for .tsv.' },
        header: { type: 'boolean', default: true, description: 'The first line names the columns.' },
      },
    },
    rotate: {
      type: 'object',
      description:
        'When a file is complete; it is then numbered: events-000001.jsonl. Left out: when its date parts change, or ' +
        'never.',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        bytes: { type: 'integer', minimum: 1, description: 'At most so many, unless one batch has more.' },
        every: {
          type: 'string',
          pattern: durationPattern,
          'x-pattern-hint': 'a duration such as 15m or 1h',
          description: 'At the multiples of this time: 1h is at every full hour, UTC.',
        },
      },
    },
  },
} as const

export type FileSinkConfig = FromSchema<typeof fileSinkSchema>
