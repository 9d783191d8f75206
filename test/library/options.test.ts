import { execFileSync } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { type PipelineOptions, pipeline } from 'hermes'
import { describe, expect, it } from 'vitest'
import { root } from '../architecture.ts'
import { numbers, scratch } from './scratch.ts'

const good = { source: [1], sinks: [{ drop: {} }] }

/** What a program in JavaScript might hand over. */
const open = (options: object): Promise<unknown> => pipeline({ ...good, ...options })

describe('what is wrong with a pipeline', () => {
  it.each<[object, string, string]>([
    [{ steps: [{ filter: 'message.amount >' }] }, 'expression_syntax', 'steps[0].filter: '],
    [{ steps: [{ filter: '1 + 1' }] }, 'expression_type', 'steps[0].filter: 1 + 1 is a int, not true or false'],
    [
      { source: { file: { path: 'a', folow: true } } },
      'unknown_field',
      'source.file.folow is not known here; did you mean follow?',
    ],
    [{ source: { file: { path: 'a' }, stdin: {} } }, 'one_of', 'source needs exactly one of '],
    [{ source: {} }, 'one_of', 'redis, nats, postgres or code; none is given'],
    [{ source: undefined }, 'missing_field', 'source is missing'],
    [{ source: 'orders' }, 'invalid_value', 'source must be a mapping, not "orders"'],
    [{ source: { code: 5 } }, 'invalid_value', 'source.code must be an iterable, a function or an object with read()'],
    [{ source: { webhook: {} } }, 'invalid_value', 'source.webhook: webhooks are sent to the service'],
    [{ sinks: [] }, 'invalid_value', 'sinks must not be empty'],
    [{ sinks: [{ name: 'a' }] }, 'one_of', 'sinks[0] needs exactly one of table, '],
    [
      { sinks: [{ name: 'a', code: {} }] },
      'invalid_value',
      'sinks[0].code must be a function or an object with write()',
    ],
    [
      {
        sinks: [
          { name: 'a', drop: {} },
          { name: 'a', drop: {} },
        ],
      },
      'duplicate_name',
      'sinks[1].name: ',
    ],
    [{ sinks: [new Date()] }, 'one_of', 'sinks[0] needs exactly one of '],
    [{ steps: [{ code: 'x' }] }, 'invalid_value', 'steps[0].code must be a function'],
    [{ steps: [{ route: { branches: [{ to: 'b', when: 'true' }] } }] }, 'invalid_value', 'no sink takes the route b'],
    [{ delivery: { drain: 'soon' } }, 'invalid_value', 'delivery.drain must be a duration'],
    [{ sourcs: 1 }, 'unknown_field', 'sourcs is not known here'],
    [{ suspend: true }, 'unknown_field', 'suspend is not known here'],
    [{ name: 'Ä' }, 'invalid_name', 'name "Ä" has characters'],
    [{ connection: { http: { url: 'nowhere' } } }, 'invalid_value', 'connection.http.url '],
    [{ connection: { database: { url: 'sqlite:a' } } }, 'unknown_field', 'connection.database is not known here'],
    [{ sinks: [{ table: { name: 'a', connection: 'b' } }] }, 'unknown_field', 'sinks[0].table.connection is not'],
    [{ sinks: [{ table: { name: 'a' } }] }, 'missing_field', 'sinks[0].table: database is missing'],
    [{ database: 'sqlite:a.db' }, 'missing_field', 'name is missing'],
    [{ buffer: { file: {} } }, 'missing_field', 'dir is missing'],
    [{ buffer: { overflow: {} } }, 'missing_field', 'dir is missing: buffer.overflow'],
    [{ buffer: { overflow: { file: { bytes: 1 } } } }, 'invalid_value', 'buffer.overflow.file.bytes'],
    [
      { state: 'a', positions: { load: () => 1, save: () => {} } },
      'usage',
      'state and positions each keep the position',
    ],
    [{ sinks: [{ redis: { url: '${secrets.NOT_THERE}', publish: 'a' } }] }, 'secret_missing', 'NOT_THERE'],
  ])('is said of %j', async (options, code, message) => {
    await expect(open(options)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it('is said all at once', async () => {
    const wrong = { source: { file: {} }, steps: [{ filter: 'message.' }], sinks: [{ drop: {}, nme: 'a' }] }
    await expect(open(wrong)).rejects.toThrow(
      /^the pipeline has 3 problems:\n {2}source\.file\.path is missing\n {2}sinks\[0\]\.nme .*\n {2}steps\[0\]\.filter: /,
    )
  })

  it('leaves what it was given as it was', async () => {
    const options = { ...good, source: { generate: { payload: 1, count: 1 } }, delivery: {} }
    const before = JSON.stringify(options)
    await using flow = await pipeline(options)
    await flow.finished
    expect(JSON.stringify(options)).toBe(before)
  })
})

describe('what a pipeline may be given', () => {
  it('has tables in a database, and its position with the rows', async () => {
    using place = scratch()
    place.write('in.jsonl', numbers(3))
    const options: PipelineOptions = {
      name: 'orders',
      root: place.root,
      database: 'sqlite:data/orders.db',
      source: { file: { path: 'in.jsonl', follow: false } },
      sinks: [{ table: { name: 'orders', primaryKey: ['id'], columns: { id: 'bigint' } } }],
    }
    for (const read of [3, 0]) {
      await using flow = await pipeline(options)
      await flow.finished
      expect(flow.stats.read).toBe(read)
    }
    using database = new DatabaseSync(join(place.root, 'data/orders.db'))
    const rows = database.prepare('SELECT source_name, id FROM orders ORDER BY id').all()
    expect(rows).toEqual([0, 1, 2].map((id) => ({ source_name: 'orders', id })))
  })

  it('has a connection, and secrets of its own or of the environment', async () => {
    const seen: unknown[] = []
    const server = createServer((request: IncomingMessage, response) => {
      void text(request).then((body) => {
        if (request.method !== 'HEAD')
          seen.push([request.url, request.headers.authorization, request.headers['x-token'], body])
        response.end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    process.env['HERMES_SECRET_LIBRARY_TOKEN'] = 'a-token-of-the-environment'
    try {
      await using flow = await pipeline({
        source: [{ id: 1 }],
        connection: {
          http: { url: `http://127.0.0.1:${port}/api`, auth: { bearer: { token: '${secrets.TOKEN}' } } },
        },
        secrets: { TOKEN: 'a-token-of-its-own' },
        sinks: [{ http: { path: '/orders', headers: { 'x-token': '${secrets.LIBRARY_TOKEN}' } } }],
      })
      await flow.finished
    } finally {
      delete process.env['HERMES_SECRET_LIBRARY_TOKEN']
      server.close()
    }
    expect(seen).toEqual([
      ['/api/orders', 'Bearer a-token-of-its-own', 'a-token-of-the-environment', expect.stringContaining('"id":1')],
    ])
  })
})

describe('importing it', () => {
  it('loads next to nothing, and a pipeline only what it needs', () => {
    const script = `
      import { isBuiltin, registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ resolve: (name, context, next) => { loaded.push(name); return next(name, context) } })
      const { pipeline } = await import('hermes')
      const first = loaded.splice(0)
      const flow = await pipeline({ source: [{ a: 1 }], steps: [{ filter: 'message.a > 0' }], sinks: [{ drop: {} }] })
      await flow.finished
      console.log(JSON.stringify([first, loaded.filter((name) => !isBuiltin(name) && !name.startsWith('.'))]))`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      encoding: 'utf8',
    })
    const [first, packages] = JSON.parse(output) as [string[], string[]]
    expect(first).toEqual(['hermes', 'node:process'])
    expect(packages.map((name) => name.split('/')[0]).filter((name) => !allowed.has(name ?? ''))).toEqual([])
  })
})

/** What checks a pipeline: its schema and its expressions. */
const allowed = new Set(['ajv', 'ajv-formats', '@marcbachmann', 'fast-deep-equal', 'json-schema-traverse', 'fast-uri'])
