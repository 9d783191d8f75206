import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { type WorkflowTableContext, workflowTableSink } from '../../src/connectors/sinks/workflow-table.ts'
import type { WorkflowTableConfig } from '../../src/connectors/sinks/workflow-table-config.ts'
import { workflowTables } from '../../src/resources/workflow-tables.ts'
import type { Store } from '../../src/store/store.ts'
import type { Batch } from '../../src/stream/batch.ts'
import { bytesBatch, valueBatch, withValues } from '../../src/stream/batches.ts'
import { eachDatabase } from '../store/databases.ts'
import { never } from '../store/fetches.ts'
import { sharedStore } from '../store/shared-store.ts'

const ajv = new Ajv2020({ useDefaults: true, strict: false })
const validate = ajv.compile<WorkflowTableConfig>(workflowTableSink.config)

function configOf(given: object): WorkflowTableConfig {
  const config = structuredClone(given)
  if (!validate(config)) throw new Error(ajv.errorsText(validate.errors))
  return config
}

async function open(store: Store, given: object, checkpoint = false) {
  const tables = workflowTables(store, 'ticks', { checkpoint })
  const context = { workflowTables: tables } as unknown as WorkflowTableContext
  return await workflowTableSink.open(configOf(given), context)
}

function lines(...texts: (string | Uint8Array)[]): Batch {
  const payloads = texts.map((text) => (typeof text === 'string' ? new TextEncoder().encode(text) : text))
  return bytesBatch(payloads, {
    position: { line: texts.length },
    metas: texts.map((_, index) => ({ id: `m${index}` })),
  })
}

eachDatabase('the table sink of workflows', ({ home: newHome }) => {
  const shared = sharedStore(newHome)
  const rows = async (columns: string, order = columns) =>
    shared.home.witness(`SELECT ${columns} FROM t ORDER BY ${order}`)

  test('writes once what comes twice, and the checkpoint with it', async () => {
    const { store } = shared
    await using sink = await open(store, { name: 't', primaryKey: ['id'], columns: { price: 'numeric(8,2)' } }, true)
    await sink.ping(never)
    const batch = lines('{"id":1,"price":1.5,"created_at":"2024-01-01"}', '{"id":2,"price":2}')
    for (let time = 0; time < 2; time++) expect(await sink.write(batch, never)).toStrictEqual([])
    expect(await rows('id, price, record_created_at', 'id')).toMatchObject([{ price: '1.50' }, { price: '2.00' }])
    expect(await store.checkpoints.read()).toStrictEqual(new Map([['ticks', { line: 2 }]]))
  })

  test('leaves the checkpoint to the caller where a message is rejected', async () => {
    const { store } = shared
    await using sink = await open(store, { name: 't', primaryKey: ['id'] }, true)
    expect(await sink.write(lines('{"id":1}', '{"v":1}', '{"id":'), never)).toStrictEqual([
      { index: 1, reason: 'it has no value in id' },
      { index: 2, reason: expect.stringContaining('not JSON') },
    ])
    expect(await store.checkpoints.read()).toStrictEqual(new Map())
    expect(await rows('id')).toHaveLength(1)
  })

  test('stores whole messages as they came, and finds those among them that are none', async () => {
    const { store } = shared
    await using sink = await open(store, { name: 't', json: 'payload' })
    const deep = `${'['.repeat(1_500)}${']'.repeat(1_500)}`
    const batch = lines(
      '{"a":12345678901234567890.50,"b":"x"}',
      '{"a":',
      '{"a":"\\u0000"}',
      new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]),
      '"text"',
      '{"a":1e99999999}',
      '{} x',
      '[{"a":"\\ud800"}]',
      '\uFEFF{"a":1}',
      ' {"a":2}',
    )
    const rejections = await sink.write(batch, never)
    expect(rejections.map(({ index }) => index)).toStrictEqual([1, 3, 5, 6])
    expect(rejections[0]?.reason).toContain('not JSON')
    const stored = (await rows('message_id, payload', 'message_id')).map(({ message_id: id, payload }) => [
      id,
      JSON.stringify(JSON.parse(String(payload))),
    ])
    expect(stored).toStrictEqual([
      ['m0', '{"a":12345678901234567000,"b":"x"}'],
      ['m2', '{"a":"\uFFFD"}'],
      ['m4', '"text"'],
      ['m7', '[{"a":"\uFFFD"}]'],
      ['m8', '{"a":1}'],
      ['m9', '{"a":2}'],
    ])
    expect(String((await rows('payload', 'message_id'))[0]?.['payload'])).toContain('12345678901234567890.5')
    expect(await sink.write(lines(deep), never)).toHaveLength(shared.store.dialect === 'sqlite' ? 1 : 0)
  })

  test('knows a message without an id by its content', async () => {
    await using sink = await open(shared.store, { name: 't' })
    const payloads = ['{"v":1}', '{"v":2}', '{"v":1}'].map((text) => Buffer.from(text))
    for (let time = 0; time < 2; time++) expect(await sink.write(bytesBatch(payloads), never)).toStrictEqual([])
    expect(await sink.write(valueBatch([{ v: 2 }, { v: 3 }]), never)).toStrictEqual([])
    expect((await rows('v')).map(({ v }) => Number(v))).toStrictEqual([1, 2, 3])
  })

  test('takes values that steps made, and those that JSON has no text for', async () => {
    const { store } = shared
    await using sink = await open(store, { name: 't', json: 'payload', columns: { big: 'bigint' } })
    const values = [{ big: 9007199254740993n }, { big: 1 }]
    await sink.write(withValues(lines('{}', '{}'), values), never)
    await sink.write(valueBatch([{ big: 3, at: new Date(0) }], undefined, [{ id: 'm9' }]), never)
    expect((await rows('CAST(big AS text) AS big, payload', 'message_id')).map(({ big }) => String(big))).toStrictEqual(
      ['9007199254740993', '1', '3'],
    )
  })

  test('is refused at once where two things would go into one column', async () => {
    await expect(open(shared.store, { name: 't', json: 'raw', columns: { raw: 'text' } })).rejects.toMatchObject({
      code: 'invalid_value',
    })
  })
})

test.each([
  [{}, /name/],
  [{ name: 'hermes_x' }, /pattern/],
  [{ name: 't', columns: { a: 'varchar' } }, /columns/],
  [{ name: 't', write: 'replace' }, /write/],
])('the config %j is refused', (config, reason) => {
  expect(() => configOf(config)).toThrow(reason)
})
