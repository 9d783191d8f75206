import type { FromSchema } from 'json-schema-to-ts'
import type { BufferConnector } from '../../stream/buffer.ts'
import { fileBytesSchema, fileLimits } from './file-open.ts'
import { openOverflowBuffer } from './overflow-buffer.ts'

const config = {
  type: 'object',
  description:
    'Holds batches in memory while there is room, as when all sinks keep pace, and in files of the data directory when there is none, as when one sink is away: the others go on at their own pace, until the files are full too; then the source waits, and nothing is dropped. It goes back to memory once each sink was given everything. Each sink gets everything in order. A batch is acknowledged when it is in the files or all sinks have it, and so is everything before it: while a sink that is away has not got what is in memory, the position stays. What is in memory is read again after a restart; what is in the files outlives it, is delivered first, and may come twice. For one process at a time.',
  additionalProperties: false,
  properties: {
    memory: {
      type: 'object',
      description: 'How much is held in memory.',
      additionalProperties: false,
      default: {},
      properties: {
        messages: { type: 'integer', minimum: 1, default: 65_536, description: 'Messages held at most.' },
        bytes: { type: 'integer', minimum: 1, default: 67_108_864, description: 'Bytes of payloads held at most.' },
      },
    },
    file: {
      type: 'object',
      description: 'How much is held in files beside that.',
      additionalProperties: false,
      default: {},
      properties: {
        bytes: fileBytesSchema,
      },
    },
  },
} as const

export type OverflowBufferConfig = FromSchema<typeof config>

export const overflowBuffer: BufferConnector<OverflowBufferConfig> = {
  type: 'overflow',
  summary: 'A queue in memory, and in files when that is full.',
  config,
  durable: false,
  open: ({ memory, file }, place) => openOverflowBuffer({ memory, file: fileLimits(file.bytes) }, place),
}
