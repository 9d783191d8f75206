import type { JsonSchema, MaxInFlight } from '../stream/connector.ts'

/** A union keyed by connector type, exactly one key: `{ redis: { … } }`. */
export type Keyed = Readonly<Record<string, unknown>>

/** `spec` of a Workflow, defaults filled in. */
export interface WorkflowSpec {
  /** Name of a Connection: base URL, auth, limits of what speaks HTTP. */
  readonly connection?: string
  readonly source: Keyed
  readonly validate?: Keyed
  readonly steps: readonly Keyed[]
  readonly buffer: Keyed
  readonly sinks: readonly SinkClause[]
  readonly delivery: DeliveryClause
  readonly deadLetter?: DeadLetterClause
  readonly suspend: boolean
}

/** Where dead letters go: at most one connector's key beside these; without one into the database. */
export interface DeadLetterClause {
  readonly drainFirst: boolean
  readonly [connector: string]: unknown
}

/** One sink: a connector's key beside these. */
export interface SinkClause {
  readonly name?: string
  readonly routes?: readonly string[]
  readonly batch: { readonly messages: number; readonly bytes: number; readonly every: string | number }
  readonly maxInFlight?: number
  readonly bestEffort: boolean
  readonly [connector: string]: unknown
}

export interface DeliveryClause {
  readonly key?: string
  readonly idempotencyKey?: string
  readonly retry: { readonly first: string | number; readonly longest: string | number; readonly attempts: number }
  readonly breaker: { readonly failures: number }
  readonly drain: string | number
}

/** The connectors that a Workflow may be made of, by room and type. */
export interface WorkflowConnectors {
  readonly sources: Connectors
  readonly validators: Connectors
  readonly steps: Connectors
  readonly buffers: Connectors
  readonly sinks: Connectors
}

/** Fields of `deadLetter` that are no connector's. */
export const deadLetterFields: ReadonlySet<string> = new Set(['drainFirst'])

interface Described {
  readonly summary: string
  readonly config: JsonSchema
  readonly maxInFlight?: MaxInFlight<never>
}

type Connectors = Readonly<Record<string, Described>>

/** Fields of a sink that are no connector's. */
export const sinkFields: ReadonlySet<string> = new Set(['name', 'routes', 'batch', 'maxInFlight', 'bestEffort'])

const duration = (description: string, standard: string): JsonSchema => ({
  type: ['string', 'integer'],
  format: 'duration',
  default: standard,
  description,
})

const batch: JsonSchema = {
  type: 'object',
  description: 'What is written at once, at most; what comes while the sink is busy is written together anyway.',
  additionalProperties: false,
  default: {},
  properties: {
    messages: { type: 'integer', minimum: 1, default: 10_000, description: 'Messages.' },
    bytes: { type: 'integer', minimum: 1, default: 8_388_608, description: 'Bytes of payloads.' },
    every: duration('How long the first message may wait for more, 10s; 0 writes as soon as the sink is free.', '0s'),
  },
}

const delivery: JsonSchema = {
  type: 'object',
  description: 'How messages are told apart, kept in order and tried again.',
  additionalProperties: false,
  default: {},
  properties: {
    key: { type: 'string', 'x-expression': true, description: 'CEL; messages with one key keep their order.' },
    idempotencyKey: {
      type: 'string',
      'x-expression': true,
      description:
        'CEL; tells a message from all others, so that sinks write it once. Left out: its place in the source. Where it has none, as with a WebSocket, a table without a primaryKey knows it by its content.',
    },
    retry: {
      type: 'object',
      description: 'When a sink that fails is tried again: with pauses that double, for ever.',
      additionalProperties: false,
      default: {},
      properties: {
        first: duration('The first pause.', '200ms'),
        longest: duration('The longest pause.', '30s'),
        attempts: {
          type: 'integer',
          minimum: 1,
          default: 10,
          description: 'Tries of a single message that its sink refuses for now, before it goes to the dead letters.',
        },
      },
    },
    breaker: {
      type: 'object',
      description: 'When a sink that fails counts as away.',
      additionalProperties: false,
      default: {},
      properties: {
        failures: { type: 'integer', minimum: 1, default: 5, description: 'Failures in a row.' },
      },
    },
    drain: duration('How long a stop waits for what was read to reach the sinks.', '10s'),
  },
}

/** The schema of a Workflow's spec over the connectors that there are. */
export function workflowSchema({ sources, validators, steps, buffers, sinks }: WorkflowConnectors): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['source', 'sinks'],
    properties: {
      connection: {
        type: 'string',
        minLength: 1,
        description: 'Name of a Connection with `http`, for what speaks HTTP.',
      },
      source: keyed(sources, 'Where messages come from.'),
      validate: keyed(validators, 'What messages must be; those that are not go to the dead letters.'),
      steps: {
        type: 'array',
        default: [],
        description: 'What is done with each message, one after the other.',
        items: keyed(steps, 'One step.'),
      },
      buffer: { ...keyed(buffers, 'What stands between source and sinks.'), default: { memory: {} } },
      sinks: {
        type: 'array',
        minItems: 1,
        description: 'Where messages go: each gets all of them, or those that are routed to it.',
        items: keyed(sinks, 'One sink.', {
          name: {
            type: 'string',
            pattern: '^[a-z0-9][a-z0-9_-]*$',
            'x-pattern-hint': 'small letters, digits, - and _',
            description: 'Its name in status, metrics and routes; that of its type when left out.',
          },
          routes: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', minLength: 1 },
            description:
              'Takes what a route step gave one of these names; left out: what has no route, or its own name.',
          },
          batch,
          maxInFlight: {
            type: 'integer',
            minimum: 1,
            maximum: 256,
            description:
              'Writes under way at once, at most, for sinks that take several: how many there are adapts to how long they ' +
              'take. Messages of one key are never written side by side. Left out: one, and more where that keeps the ' +
              'order: with `delivery.key`, and in the channels and streams of redis.',
          },
          bestEffort: {
            type: 'boolean',
            default: false,
            description: 'Never holds back the other sinks: what it cannot write is lost, and counted.',
          },
        }),
      },
      delivery,
      deadLetter: deadLetter(sinks),
      suspend: { type: 'boolean', default: false, description: 'Stops it; its position stays.' },
    },
  }
}

function deadLetter(sinks: Connectors): JsonSchema {
  return {
    type: 'object',
    description:
      'Where messages go that cannot be delivered. Left out: into the table hermes_dead_letters, where `hermes ' +
      'dead-letters` finds them. With a sink, each letter is a message with its payload, reason, stage, attempts, time ' +
      'and position; what that sink refuses goes into the table.',
    additionalProperties: false,
    properties: {
      drainFirst: {
        type: 'boolean',
        default: false,
        description: 'At each start, sends the letters of the table again before the source is read.',
      },
      ...propertiesOf(sinks),
    },
  }
}

function keyed(
  connectors: Connectors,
  description: string,
  fields: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  return {
    type: 'object',
    description,
    additionalProperties: false,
    'x-one-of': Object.keys(connectors),
    properties: { ...fields, ...propertiesOf(connectors) },
  }
}

function propertiesOf(connectors: Connectors): Readonly<Record<string, JsonSchema>> {
  const types = Object.entries(connectors).map(([type, { summary, config }]) => [
    type,
    { description: summary, ...config },
  ])
  return Object.fromEntries(types)
}
