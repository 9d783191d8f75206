import type { FromSchema } from 'json-schema-to-ts'
import type { BufferConnector } from '../../stream/buffer.ts'
import { natsName, natsServerProperties } from '../nats-config.ts'
import { openJetStreamBuffer } from './jetstream-open.ts'

const config = {
  type: 'object',
  description:
    'Holds batches in a stream of a NATS server: what was taken in is the server’s to keep, and each sink is a durable ' +
    'consumer of it. Several instances may work on one workflow: what one of them takes in another may deliver, then ' +
    'the order of a key is no longer kept. While the stream is full the source waits; nothing is dropped. A message ' +
    'may be as large as the server takes (max_payload, 1 MB by default), less 64 KiB.',
  additionalProperties: false,
  required: ['url', 'stream'],
  properties: {
    ...natsServerProperties,
    stream: { ...natsName, description: 'Name of the stream, one for each workflow; it is made when it is not there.' },
    bytes: {
      type: 'integer',
      minimum: 1_048_576,
      default: 1_073_741_824,
      description: 'Bytes of the stream at most, when it is made.',
    },
    replicas: {
      type: 'integer',
      minimum: 1,
      maximum: 5,
      default: 1,
      description: 'Servers of the cluster that hold the stream, when it is made.',
    },
    ackWait: {
      type: ['string', 'integer'],
      format: 'duration',
      minimum: 0,
      maximum: 0,
      default: '30s',
      description: 'What an instance had on its way when it died is delivered again after this time.',
    },
  },
} as const

export type JetStreamBufferConfig = FromSchema<typeof config>

export const jetstreamBuffer: BufferConnector<JetStreamBufferConfig> = {
  type: 'jetstream',
  summary: 'A stream of a NATS server, which several instances may share.',
  config,
  durable: true,
  open: openJetStreamBuffer,
}
