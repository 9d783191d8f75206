import type { FromSchema } from 'json-schema-to-ts'
import type { BufferConnector } from '../../stream/buffer.ts'
import { openFileBuffer } from './file-open.ts'

const config = {
  type: 'object',
  description:
    'Holds batches in files of the data directory: what was taken in survives a crash, a restart and a power failure, and is delivered to each sink at its own pace. Each message is on disk before its source is told so. While the buffer is full the source waits; nothing is dropped. Damage to a file costs the batches that it hit, which are logged, and no others. For one process at a time.',
  additionalProperties: false,
  properties: {
    bytes: {
      type: 'integer',
      minimum: 1_048_576,
      default: 1_073_741_824,
      description:
        'Bytes of files at most. Room is made in eighths of it, or in parts of 64 MiB where those are smaller.',
    },
    whenFull: { enum: ['block'], default: 'block', description: 'block: the source waits.' },
  },
} as const

export type FileBufferConfig = FromSchema<typeof config>

const PARTS = 8
const LARGEST_SEGMENT = 64 * 2 ** 20

export const fileBuffer: BufferConnector<FileBufferConfig> = {
  type: 'file',
  summary: 'A log in files, which outlives the process.',
  config,
  durable: true,
  open: ({ bytes }, place) =>
    openFileBuffer({ bytes, segmentBytes: Math.min(Math.ceil(bytes / PARTS), LARGEST_SEGMENT) }, place),
}
