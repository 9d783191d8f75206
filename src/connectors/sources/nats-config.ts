import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { natsName, natsServerProperties, streamSubjects } from '../nats-config.ts'

/** The schema of `nats` as a source. */
export const natsSourceSchema = {
  type: 'object',
  description:
    'Reads a stream of a NATS server by a durable consumer of JetStream, or listens to a subject. Messages of a stream ' +
    'are acknowledged when every sink holds them; what was not is delivered again. A subject is volatile: what comes ' +
    'while nobody listens, or faster than it is taken, is lost.',
  additionalProperties: false,
  required: ['url'],
  'x-one-of': ['subject', 'jetstream'],
  properties: {
    ...natsServerProperties,
    subject: {
      type: 'string',
      pattern: '^\\S+$',
      'x-pattern-hint': 'a subject without spaces',
      description:
        'Subject to listen to, wildcards allowed: ticks.>. Volatile. What comes when 65,536 messages wait already is ' +
        'dropped, and the log says how many.',
    },
    queue: {
      type: 'string',
      pattern: '^\\S+$',
      description: 'With `subject`: the listeners of one queue share the messages between them.',
    },
    jetstream: {
      type: 'object',
      description: 'A stream, read by a durable consumer that several instances may share.',
      additionalProperties: false,
      required: ['stream', 'consumer'],
      properties: {
        stream: { ...natsName, description: 'Name of the stream.' },
        subjects: streamSubjects,
        consumer: {
          ...natsName,
          description:
            'Name of the durable consumer. It is made when it is not there; one that is there stays as it is.',
        },
        filter: { type: 'string', pattern: '^\\S+$', description: 'Only messages of these subjects: orders.eu.>.' },
        from: {
          enum: ['start', 'new'],
          default: 'start',
          description: 'Where a consumer begins that is made here: with what the stream holds, or with what comes.',
        },
        batch: {
          type: 'integer',
          minimum: 1,
          maximum: 100_000,
          default: 1_000,
          description: 'Messages of a batch at most.',
        },
        ackWait: {
          ...durationSchema,
          default: '30s',
          description:
            'Of a consumer that is made here: messages without a sign of life for so long are delivered again, to ' +
            'whoever asks. What is on its way gives a sign three times as often.',
        },
        maxAckPending: {
          type: 'integer',
          minimum: 1,
          default: 65_536,
          description: 'Of a consumer that is made here: messages on their way at most, of all instances together.',
        },
      },
    },
  },
} as const

/** `x-one-of` leaves one of `subject` and `jetstream`. */
export type NatsSourceConfig = FromSchema<typeof natsSourceSchema>
export type JetStreamSourceConfig = NonNullable<NatsSourceConfig['jetstream']>
