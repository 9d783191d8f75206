import type { FromSchema } from 'json-schema-to-ts'
import { durationSchema } from '../duration-schema.ts'
import { headerNamePattern } from '../http-headers.ts'
import { secretOnly } from '../secret-text.ts'

const headerName = { type: 'string', pattern: headerNamePattern } as const

const auth = {
  type: 'object',
  description:
    "How a sender proves who it is. Left out: it carries the service's own token (`authorization: Bearer …`), as for " +
    'any change by the API.',
  additionalProperties: false,
  'x-one-of': ['hmac', 'header', 'none'],
  properties: {
    hmac: {
      type: 'object',
      description: 'A signature over the bytes of the body, HMAC with SHA-256.',
      additionalProperties: false,
      required: ['secret'],
      properties: {
        secret: { ...secretOnly, description: 'The key of the signature; only from a secret.' },
        header: { ...headerName, default: 'x-hub-signature-256', description: 'The header that holds the signature.' },
        prefix: { type: 'string', default: 'sha256=', description: 'What stands before the signature in the header.' },
        encoding: { enum: ['hex', 'base64'], default: 'hex', description: 'How the signature is written.' },
      },
    },
    header: {
      type: 'object',
      description: 'A secret in a header.',
      additionalProperties: false,
      required: ['value'],
      properties: {
        name: { ...headerName, default: 'authorization', description: 'Name of the header.' },
        value: { ...secretOnly, description: 'Its whole value: Bearer ${secrets.TOKEN}.' },
      },
    },
    none: {
      type: 'object',
      description: "Anybody who reaches the service's address may send.",
      additionalProperties: false,
      properties: {},
    },
  },
} as const

/** The schema of `source.webhook`. */
export const webhookSchema = {
  type: 'object',
  description:
    "Messages that others send by POST to the service's HTTP server, at `/hooks/WORKFLOW` or `/hooks/WORKFLOW/PATH`. " +
    'A request is answered with 200 when all its messages are durable in the buffer (behind a buffer in memory: in the ' +
    'sinks). Until then the sender has to keep them: 503 with Retry-After says that they were not taken, because the ' +
    'workflow does not run, or was full for longer than `timeout`; sent again they may come twice, with the same id ' +
    'where the sender names one. A body is taken or refused as a whole.',
  additionalProperties: false,
  properties: {
    path: {
      type: 'string',
      default: '',
      pattern: '^([A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*)?$',
      'x-pattern-hint': 'a path like orders/paid, of letters, digits and - _ . ~',
      maxLength: 200,
      description: 'Path below `/hooks/WORKFLOW`. Left out: that address itself.',
    },
    auth,
    body: {
      enum: ['json', 'ndjson', 'raw'],
      default: 'json',
      description:
        'json: one JSON value. ndjson: a message a line, empty lines left out. raw: any bytes. What is not JSON where it ' +
        'should be is refused with 400.',
    },
    elements: {
      type: 'boolean',
      default: false,
      description: 'With body: json, each element of a list is a message; anything but a list is one message.',
    },
    idempotencyHeader: {
      ...headerName,
      default: 'idempotency-key',
      description:
        'The header by which a sender names a request, the same when it sends it again: it becomes the id of the ' +
        'message, of several with `/0`, `/1` … behind it. X-GitHub-Delivery, X-Shopify-Webhook-Id, webhook-id.',
    },
    maxBytes: {
      type: 'integer',
      minimum: 1,
      maximum: 67_108_864,
      default: 1_048_576,
      description: 'Largest body; a larger one is refused with 413.',
    },
    timeout: {
      ...durationSchema,
      default: '10s',
      description:
        'How long a sender is kept waiting for its 200; then it gets a 503. Most senders give up after 5s to 30s.',
    },
    maxWaitingBytes: {
      type: 'integer',
      minimum: 1,
      default: 67_108_864,
      description: 'Bytes that wait for their 200 at most, a kilobyte more for each request; beyond that 503 at once.',
    },
  },
} as const

export type WebhookConfig = FromSchema<typeof webhookSchema>
