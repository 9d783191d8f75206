import { type Batch, type Flow, type OwnSource, type PipelineOptions, pipeline, type RejectedMessage } from 'hermes'
import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { expect, it } from 'vitest'
import type { fileSinkSchema } from '../src/connectors/sinks/file-config.ts'
import type { ownTableSchema } from '../src/connectors/sinks/workflow-table-config.ts'
import type { followFileSchema } from '../src/connectors/sources/follow-file-config.ts'
import type { websocketSchema } from '../src/connectors/sources/websocket-config.ts'
import type { Sinks, Sources } from '../src/library/connector-types.ts'

// What is here is checked by the compiler (`npm run check`): a line that is accepted below `@ts-expect-error` fails it.

const sinks = [{ drop: {} }] as const
const source = { stdin: {} } as const
const options = (each: PipelineOptions): PipelineOptions => each

interface Order {
  readonly id: number
  readonly amount: number
}

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false

/** The types that are generated are those that the schema makes, with every default left out. */
type Input<S extends JSONSchema> = Frozen<FromSchema<S, { keepDefaultedPropertiesOptional: true }>>
type Frozen<T> = T extends (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T
const same: [
  Same<Input<typeof followFileSchema>, Sources['file']>,
  Same<Input<typeof websocketSchema>, Sources['websocket']>,
  Same<Input<typeof ownTableSchema>, Sinks['table']>,
  Same<Input<typeof fileSinkSchema>, Sinks['file']>,
] = [true, true, true, true]

export const accepted = (): readonly PipelineOptions[] => [
  options({ source: { file: { path: 'a.jsonl', follow: false } }, sinks: [{ file: { path: 'b.jsonl' } }] }),
  options({ source: { redis: { url: 'redis://localhost', stream: { key: 'orders', group: 'hermes' } } }, sinks }),
  options({
    source,
    steps: [{ filter: 'true' }, { set: { a: '1' } }, { remove: ['b'] }, { sample: { fraction: 0.5 } }],
    sinks,
  }),
  options({
    source,
    validate: { jsonSchema: { schema: { type: 'object' } } },
    buffer: { file: {} },
    dir: 'buffer',
    sinks,
  }),
  options({
    source,
    sinks: [{ name: 'cold', routes: ['a'], batch: { messages: 10, every: '1s' }, bestEffort: true, drop: {} }],
  }),
  options({ source: [1, 2, 3], sinks: [async (messages) => void messages.length] }),
  options({ source: new Set(['a']), sinks: [(messages: readonly Order[]) => void messages[0]?.amount] }),
  options({
    source: async function* (stop) {
      while (!stop.aborted) yield { id: 1 }
    },
    steps: [(order: Order) => (order.amount > 1 ? order : undefined), { code: (order: Order) => [order, order] }],
    sinks: [{ name: 'own', code: async (orders: readonly Order[]) => [{ index: orders.length - 1, reason: 'no' }] }],
  }),
  options({ source: own, sinks: [{ write: async (batch: Batch) => void batch.bytes(0) }] }),
  options({
    source,
    sinks,
    connection: { http: { url: 'https://example.com', auth: { bearer: { token: '${secrets.T}' } } } },
  }),
  options({ source, sinks, log: console, delivery: { key: 'message.id', drain: '5s', retry: { attempts: 3 } } }),
]

const own: OwnSource<Order> = {
  async *read(from, stop) {
    for (let id = Number(from ?? 0); !stop.aborted; id += 1) yield { messages: [{ id, amount: 1 }], position: id }
  },
}

export const refused = (): readonly PipelineOptions[] => [
  // @ts-expect-error a field that no source has
  options({ source: { file: { path: 'a', folow: false } }, sinks }),
  // @ts-expect-error a field that is missing
  options({ source: { file: { follow: false } }, sinks }),
  // @ts-expect-error a field of the wrong type
  options({ source: { file: { path: 1 } }, sinks }),
  // @ts-expect-error a word that is none of those there are
  options({ source: { file: { path: 'a', start: 'middle' } }, sinks }),
  // @ts-expect-error no such connector
  options({ source: { kafka: { topic: 'a' } }, sinks }),
  // @ts-expect-error what needs the service
  options({ source: { webhook: { path: 'a' } }, sinks }),
  // @ts-expect-error none of stream, channels and patterns
  options({ source: { redis: { url: 'redis://localhost' } }, sinks }),
  // @ts-expect-error no source
  options({ sinks }),
  // @ts-expect-error no sinks
  options({ source }),
  // @ts-expect-error a step that is none
  options({ source, steps: [{ filtr: 'true' }], sinks }),
  // @ts-expect-error a condition is text
  options({ source, steps: [{ filter: true }], sinks }),
  // @ts-expect-error a sink returns nothing or rejections
  options({ source, sinks: [async () => [{ id: 1 }]] }),
  // @ts-expect-error what only a manifest has
  options({ source, sinks, suspend: true }),
  // @ts-expect-error a Connection is given, not named
  options({ source, sinks, connection: 'shop' }),
]

export const told = async (flow: Flow, letter: RejectedMessage): Promise<void> => {
  const written: number | undefined = flow.stats.sinks['file']?.written
  const reason: string = letter.reason
  // @ts-expect-error nobody may change what is told
  flow.stats.read = 1
  await flow.stop()
  void [written, reason, same, await flow.finished]
}

it('is resolved by the name of the package', () => {
  expect(pipeline).toBeTypeOf('function')
  expect(accepted().length + refused().length).toBeGreaterThan(20)
})
