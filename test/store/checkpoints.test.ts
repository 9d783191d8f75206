import { expect, test } from 'vitest'
import { rawNumber } from '../../src/lossless-json.ts'
import { openStore } from '../../src/store/open.ts'
import { eachDatabase } from './databases.ts'
import { sharedStore } from './shared-store.ts'

eachDatabase('checkpoints', ({ home: newHome }) => {
  const shared = sharedStore(newHome)

  test('positions of many workflows are saved at once and read exactly', async () => {
    const { checkpoints } = shared.store
    const many = new Map<string, unknown>(Array.from({ length: 2_500 }, (_, index) => [`w${index}`, { at: index }]))
    await checkpoints.save(many)
    expect(await checkpoints.read()).toStrictEqual(many)
    const odd = new Map<string, unknown>([
      ['w0', null],
      ['w1', undefined],
      ['w2', { text: '\0"\'$1\uD800', big: rawNumber('18446744073709551615') }],
    ])
    await checkpoints.save(odd)
    const read = await checkpoints.read()
    expect(read.get('w0')).toBeNull()
    expect(read.has('w1')).toBe(true)
    expect(read.get('w1')).toBeUndefined()
    expect(JSON.stringify(read.get('w2'))).toBe(JSON.stringify(odd.get('w2')))
    expect(read.get('w3')).toStrictEqual({ at: 3 })
  })

  test('they are deleted by name', async () => {
    const { checkpoints } = shared.store
    await checkpoints.save(new Map([['a', 1] as const, ['b', 2] as const, ["c'", 3] as const]))
    await checkpoints.delete(['a', "c'", 'unknown'])
    await checkpoints.delete([])
    await checkpoints.save(new Map())
    expect(await checkpoints.read()).toStrictEqual(new Map([['b', 2]]))
  })

  test('a database of an earlier version gets the tables that it lacks, and keeps what it has', async () => {
    await using home = await newHome()
    {
      await using store = await openStore(home.url)
      await store.ledger.put(
        [{ kind: 'Workflow', name: 'w', at: { file: 'a', line: 1, column: 1 }, hash: 'h', spec: {} }],
        'r1',
      )
    }
    await home.witness('DROP TABLE hermes_dead_letters')
    await home.witness('DROP TABLE hermes_checkpoints')
    await using store = await openStore(home.url)
    await store.checkpoints.save(new Map([['w', 7]]))
    expect(await store.deadLetters.counts()).toStrictEqual(new Map())
    expect(await store.ledger.entries()).toMatchObject([{ name: 'w' }])
    expect(await home.witness('SELECT key, value FROM hermes_meta')).toEqual([{ key: 'schema_version', value: '1' }])
  })

  test('a database of a newer version is left as it is', async () => {
    await using home = await newHome()
    await (await openStore(home.url))[Symbol.asyncDispose]()
    await home.witness('DROP TABLE hermes_checkpoints')
    await home.witness(`UPDATE hermes_meta SET value = '2'`)
    await expect(openStore(home.url)).rejects.toMatchObject({ code: 'database_newer' })
    await expect(home.witness('SELECT 1 FROM hermes_checkpoints')).rejects.toThrow(/hermes_checkpoints/)
  })
})
