import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { redisServerProperties } from '../redis-config.ts'

const names = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } } as const

/** The schema of `redis` as a source. */
export const redisSourceSchema = {
  type: 'object',
  description:
    'Reads a stream of a Redis server as a member of a consumer group, or listens to channels. Entries of a stream are ' +
    'acknowledged (XACK) when every sink holds them; what was not is read again at the next start. Channels are ' +
    'volatile: what comes while nobody listens is lost. Streams need Redis 6.2 or later.',
  additionalProperties: false,
  required: ['url'],
  'x-one-of': ['stream', 'channels', 'patterns'],
  properties: {
    ...redisServerProperties,
    stream: {
      type: 'object',
      description: 'A stream, read by a consumer group. Stream and group are made when they are not there.',
      additionalProperties: false,
      required: ['key', 'group'],
      properties: {
        key: { type: 'string', minLength: 1, description: 'Key of the stream.' },
        group: {
          type: 'string',
          minLength: 1,
          description: 'Name of the group: what it has not acknowledged is its own.',
        },
        consumer: {
          type: 'string',
          minLength: 1,
          'x-template': true,
          description:
            'Name within the group; the same at each start, another one for each instance that runs at the same time. ' +
            "Left out: the host's name.",
        },
        from: {
          enum: ['start', 'new'],
          default: 'start',
          description: 'Where a group begins that is made here: with what the stream holds, or with what comes.',
        },
        field: {
          type: 'string',
          minLength: 1,
          description:
            'Field that holds the payload. Left out: an entry with the one field `payload` is that field, any other ' +
            'an object of all its fields, as texts.',
        },
        batch: {
          type: 'integer',
          minimum: 1,
          maximum: 100_000,
          default: 1_000,
          description: 'Entries of a batch at most.',
        },
        claimAfter: {
          ...durationSchema,
          default: '1m',
          description:
            'Entries that another consumer has had for so long without a sign of life are taken over (XAUTOCLAIM). ' +
            'A consumer gives a sign for what it holds three times as often.',
        },
      },
    },
    channels: { ...names, description: 'Channels to listen to (SUBSCRIBE). Volatile.' },
    patterns: { ...names, description: 'Patterns of channels to listen to (PSUBSCRIBE): quotes:*. Volatile.' },
  },
} as const

/** `x-one-of` leaves one of `stream`, `channels` and `patterns`. */
export type RedisSourceConfig = FromSchema<typeof redisSourceSchema>
export type RedisStreamConfig = NonNullable<RedisSourceConfig['stream']>
