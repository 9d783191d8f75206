import type { FromSchema } from 'json-schema-to-ts'
import type { BufferConnector } from '../../stream/buffer.ts'
import { fileBytesSchema, fileLimits, openFileBuffer } from './file-open.ts'

const config = {
  type: 'object',
  description:
    'Holds batches in files of the data directory: what was taken in survives a crash, a restart and a power failure, and is delivered to each sink at its own pace. Each message is on disk before its source is told so. While the buffer is full the source waits; nothing is dropped. Damage to a file costs the batches that it hit, which are logged, and no others. For one process at a time.',
  additionalProperties: false,
  properties: {
    bytes: fileBytesSchema,
    whenFull: { enum: ['block'], default: 'block', description: 'block: the source waits.' },
  },
} as const

export type FileBufferConfig = FromSchema<typeof config>

export const fileBuffer: BufferConnector<FileBufferConfig> = {
  type: 'file',
  summary: 'A log in files, which outlives the process.',
  config,
  durable: true,
  open: ({ bytes }, place) => openFileBuffer(fileLimits(bytes), place),
}
