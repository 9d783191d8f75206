import type { FromSchema } from 'json-schema-to-ts'
import { jsonPathPattern } from '../json-path.ts'

/** The schema of `spec.file` of a SourceDefinition. */
export const fileSourceSchema = {
  type: 'object',
  description: 'Records from CSV, JSON or JSONL files.',
  additionalProperties: false,
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      'x-template': true,
      'x-path': true,
      description:
        'A file, or a pattern like data/*.csv; relative to the manifests directory. Files are read in order of name.',
    },
    format: {
      enum: ['csv', 'json', 'jsonl'],
      description:
        'Left out: by the extension (.csv .tsv .json .geojson .jsonl .ndjson, and with .gz or .zst behind it).',
    },
    csv: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: {
        delimiter: { type: 'string', minLength: 1, maxLength: 8, description: 'Default: a comma; a tab for .tsv.' },
        header: { type: 'boolean', default: true, description: 'The first line names the columns; else column_1 …' },
        quote: { type: 'string', maxLength: 1, default: '"', description: 'Empty: there are no quotes.' },
        nulls: { type: 'array', items: { type: 'string' }, default: [''], description: 'Fields that mean null.' },
      },
    },
    records: {
      type: 'string',
      minLength: 1,
      pattern: jsonPathPattern,
      description: 'Path to the records of a JSON file: data.items. Left out: the root, a list or one object.',
    },
    maxBytes: {
      type: 'integer',
      minimum: 1,
      default: 268_435_456,
      description: 'Largest JSON file, which is read as a whole, and longest line of the others; as decompressed.',
    },
  },
} as const

export type FileSourceConfig = FromSchema<typeof fileSourceSchema>
export type CsvConfig = FileSourceConfig['csv']
