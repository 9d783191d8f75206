import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { headerNamePattern, headersSchema } from '../http-headers.ts'
import { jsonPathPattern } from '../json-path.ts'
import { secretAddress } from '../secret-text.ts'
import { serverTlsSchema } from '../server-tls.ts'

const path = { type: 'string', minLength: 1, pattern: jsonPathPattern } as const

const reconnect = {
  type: 'object',
  description:
    'Waits between two tries to connect: they double from `first` to `most`, and up to half of each is left to chance, ' +
    'so that many clients do not come back at once. They begin anew once a connection held for as long as `most`.',
  additionalProperties: false,
  default: {},
  properties: {
    first: { ...durationSchema, default: '1s', description: 'The first wait.' },
    most: { ...durationSchema, default: '60s', description: 'The longest wait.' },
  },
} as const

const ping = {
  type: 'object',
  description: 'How a connection is noticed that is dead although nobody closed it.',
  additionalProperties: false,
  default: {},
  properties: {
    every: {
      ...durationSchema,
      default: '20s',
      description:
        'Time between two pings; when nothing at all comes between two of them, the connection is made anew. 0: none.',
    },
    message: {
      description:
        'Sent instead of a ping of the protocol, for servers that want one of their own; text as it is, anything else ' +
        'as JSON. What the server answers is a message like the others.',
      'x-template': true,
      'x-secret': true,
    },
  },
} as const

const sequence = {
  type: 'object',
  description:
    'Numbers that grow by one from message to message, so that a lost one is noticed. They are counted for each ' +
    'connection afresh; one that is missing, and one that goes back, is a gap. A message without the number is not ' +
    'looked at; one with the number of the message before is left out, and counted.',
  additionalProperties: false,
  required: ['field'],
  properties: {
    field: { ...path, description: 'Path to the number in a message: sequence_num.' },
    per: {
      ...path,
      description: 'Path to what has numbers of its own: product_id. Left out: one row for all messages.',
    },
    onGap: {
      enum: ['restart', 'report'],
      default: 'restart',
      description:
        'restart: what follows the gap is left out, the connection is made anew and the subscriptions are sent again. ' +
        'report: the gap is logged and counted, and the messages go on.',
    },
  },
} as const

const stale = {
  type: 'object',
  description: 'Leaves out messages that are old when they arrive, and counts them.',
  additionalProperties: false,
  required: ['field', 'olderThan'],
  properties: {
    field: {
      ...path,
      description:
        'Path to the time in a message: RFC 3339 text, or seconds, milliseconds, microseconds or nanoseconds since 1970 ' +
        '(told apart by their size). A message without a time is kept.',
    },
    olderThan: { ...durationSchema, description: 'The greatest age, 5s.' },
  },
} as const

/** The schema of `source.websocket`. */
export const websocketSchema = {
  type: 'object',
  description:
    'Messages that a WebSocket server sends, each as the bytes it came in. The connection is made anew when it is lost; ' +
    'what was sent in between is gone, for the protocol knows no acknowledgement. When the workflow cannot keep up, ' +
    'nothing more is read from the socket until it can.',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      ...secretAddress,
      pattern: '^(wss?://|\\$\\{)',
      'x-pattern-hint': 'a ws:// or wss:// address',
      description: 'Where to connect. Logs and errors name its scheme, host and port only.',
    },
    headers: {
      ...headersSchema,
      description: `Headers of the request that opens the connection. ${headersSchema.description}`,
    },
    protocols: {
      type: 'array',
      description: 'Subprotocols to offer, in order of preference.',
      items: { type: 'string', pattern: headerNamePattern },
      uniqueItems: true,
    },
    subscribe: {
      type: 'array',
      description: 'Sent one after the other whenever a connection is made: text as it is, anything else as JSON.',
      items: {},
      'x-template': true,
      'x-secret': true,
    },
    reconnect,
    ping,
    idleTimeout: {
      ...durationSchema,
      default: 0,
      description: 'A connection without a message for so long is made anew, though it answers pings. 0: never.',
    },
    connectTimeout: { ...durationSchema, default: '10s', description: 'Time for a connection to be made.' },
    sequence,
    stale,
    maxPayload: {
      type: 'integer',
      minimum: 1,
      maximum: 1_073_741_824,
      default: 16_777_216,
      description: 'Largest message in bytes, as decompressed; a connection that brings a larger one is made anew.',
    },
    compression: { type: 'boolean', default: false, description: 'Offers permessage-deflate: less traffic, more CPU.' },
    tls: { ...serverTlsSchema, description: 'Trust and identity for wss.' },
  },
} as const

export type WebsocketConfig = FromSchema<typeof websocketSchema>
export type SequenceConfig = NonNullable<WebsocketConfig['sequence']>
export type StaleConfig = NonNullable<WebsocketConfig['stale']>
