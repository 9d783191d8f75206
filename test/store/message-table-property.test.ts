import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { MessageTarget } from '../../src/store/workflow-store.ts'
import { valueBatch } from '../../src/stream/batches.ts'
import { eachDatabase, type Homes } from './databases.ts'
import { never } from './fetches.ts'

/** A message of a source that numbers its messages; without a `k` it has no place in the table. */
interface Logged {
  readonly k?: number
  readonly v: number | string | boolean
}

/** What happens next: so many messages are written, or something goes wrong meanwhile. */
type Event =
  | { readonly do: 'write'; readonly messages: number }
  /** The answer is not waited for: it may have been written or not. */
  | { readonly do: 'abort'; readonly messages: number }
  /** Written without its checkpoint, as before a crash. */
  | { readonly do: 'forget'; readonly messages: number }
  | { readonly do: 'restart' }

const value = fc.oneof(fc.integer({ min: -9, max: 99 }), fc.constantFrom('much', '7'), fc.boolean())
const logged: fc.Arbitrary<Logged> = fc.record(
  { k: fc.integer({ min: 0, max: 12 }), v: value },
  { requiredKeys: ['v'] },
)
const messages = fc.integer({ min: 0, max: 9 })
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), messages }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), messages }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), messages }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
)

const history = fc.record({
  log: fc.array(logged, { minLength: 1, maxLength: 40 }),
  events: fc.array(event, { maxLength: 12 }),
  byId: fc.boolean(),
  write: fc.constantFrom('append' as const, 'merge' as const),
})

type History = typeof history extends fc.Arbitrary<infer T> ? T : never

/** What the table holds once every message was delivered, by its key. */
function model({ log, byId, write }: History): Record<string, string> {
  const rows = new Map<string, string>()
  log.forEach(({ k, v }, index) => {
    const key = byId ? `${index}` : k === undefined ? undefined : `${k}`
    if (key !== undefined && (write === 'merge' || !rows.has(key))) rows.set(key, String(v))
  })
  return Object.fromEntries(rows)
}

async function walk({ log, events, byId, write }: History, { home: newHome }: Homes): Promise<Record<string, string>> {
  await using home = await newHome()
  const target: MessageTarget = {
    workflow: 'w',
    table: 't',
    primaryKey: byId ? [] : ['k'],
    columns: [],
    write,
    evolve: 'additive',
  }
  let store: Store = await openStore(home.url)
  let table = store.messages.open(target)
  const restart = async (): Promise<void> => {
    await table[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    store = await openStore(home.url)
    table = store.messages.open(target)
  }
  const deliver = async (count: number, signal: AbortSignal, withCheckpoint: boolean): Promise<void> => {
    const from = Number((await store.checkpoints.read()).get('w') ?? 0)
    const part = log.slice(from, from + count)
    const batch = valueBatch(
      part,
      from + part.length,
      part.map((_, index) => ({ id: `${from + index}` })),
    )
    const checkpoint = { workflow: 'w', position: batch.position }
    const { refused, checkpointed } = await table.write(batch, withCheckpoint ? { checkpoint } : {}, signal)
    expect(refused.map(({ index }) => index)).toStrictEqual(
      part.flatMap(({ k }, index) => (byId || k !== undefined ? [] : [index])),
    )
    // Where messages were refused their dead letters come first.
    if (withCheckpoint && !checkpointed) await store.checkpoints.save(new Map([['w', batch.position]]))
  }
  for (const each of events) {
    if (each.do === 'restart') await restart()
    else if (each.do === 'abort') {
      const giving = new AbortController()
      const given = deliver(each.messages, giving.signal, true).catch(() => undefined)
      setImmediate(() => giving.abort())
      await given
    } else await deliver(each.messages, never, each.do === 'write')
  }
  while (Number((await store.checkpoints.read()).get('w') ?? 0) < log.length) await deliver(7, never, true)
  const rows = (await store.tables.shapes(['t'])).has('t')
    ? await store.tables.rows({ table: 't', source: 'w' }, 100)
    : []
  await store[Symbol.asyncDispose]()
  return Object.fromEntries(rows.map((row) => [String(row[byId ? 'message_id' : 'k']), String(row['v'])]))
}

eachDatabase('message tables, whatever happens', (homes) => {
  test('hold what the log says once all of it was delivered', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        expect(await walk(given, homes)).toStrictEqual(model(given))
      }),
      { numRuns: homes.dialect === 'sqlite' ? 10 : 15, seed: 4 },
    )
  })
})
