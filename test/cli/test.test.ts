import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestReport } from '../../src/service/api.ts'
import { openPlace } from './bin.ts'
import { hermesInProcess } from './in-process.ts'

let place: Awaited<ReturnType<typeof openPlace>>
beforeAll(async () => {
  place = await openPlace()
  await mkdir(join(place.directory, 'manifests'))
  await write('manifests/workflows.yaml', workflows)
  await write('manifests/trade.json.schema', '{"type":"object","required":["symbol"]}')
})
afterAll(() => place[Symbol.asyncDispose]())

const write = (file: string, text: string | Uint8Array) => writeFile(join(place.directory, file), text)

/** Neither these servers nor this secret are there. */
const workflows = `apiVersion: hermes/v1
kind: Workflow
metadata: { name: trades }
spec:
  source: { redis: { url: "\${secrets.NOWHERE}", stream: { key: trades, group: hermes } } }
  validate: { jsonSchema: { file: trade.json.schema } }
  steps:
    - filter: message.symbol != "TEST"
    - set: { total: message.price * message.amount }
    - route: { branches: [ { when: 'message.total > 1000', to: large } ], default: rest }
  delivery: { key: message.symbol }
  sinks:
    - { name: large, redis: { url: "\${secrets.NOWHERE}", publish: large } }
    - { name: rest, table: { name: trades, primaryKey: [id] } }
    - { name: all, routes: [large, rest], file: { path: ../out.jsonl } }
---
apiVersion: hermes/v1
kind: Workflow
metadata: { name: minutes }
spec:
  source: { stdin: {} }
  steps:
    - aggregate:
        window: 1m
        time: message.at
        by: { symbol: message.symbol }
        values: { high: { max: message.price }, n: { count: 'true' } }
  sinks: [ { drop: {} } ]
---
apiVersion: hermes/v1
kind: Workflow
metadata: { name: clock }
spec:
  source: { stdin: {} }
  steps:
    - aggregate: { window: 1m, values: { n: { count: 'true' } } }
    - set: { seen: now }
  sinks: [ { drop: {} } ]
---
apiVersion: hermes/v1
kind: Workflow
metadata: { name: bytes }
spec:
  source: { stdin: {} }
  sinks: [ { name: raw, drop: {} } ]
---
apiVersion: hermes/v1
kind: Workflow
metadata: { name: broken }
spec:
  source: { stdin: {} }
  validate: { jsonSchema: { file: nowhere.json } }
  sinks: [ { drop: {} } ]
`

const head = (workflow: string, name = workflow): string =>
  `apiVersion: hermes/v1\nkind: WorkflowTest\nmetadata: { name: ${name} }\nspec:\n  workflow: ${workflow}\n  cases:\n`

/** Runs one file of cases, in this process. */
async function run(text: string, ...args: readonly string[]) {
  await write('one.test.yaml', text)
  return await hermesInProcess(place.directory, 'test', 'one.test.yaml', ...args)
}

async function reportOf(text: string): Promise<TestReport> {
  return JSON.parse((await run(text, '-o', 'json')).stdout) as TestReport
}

const passing = `${head('trades')}    - name: routes by size
      input:
        - { id: 1, symbol: A, price: 12.5, amount: 100 }
        - { id: 2, symbol: B, price: 0.1000000000000000055, amount: 1 }
        - { id: 12345678901234567890, symbol: TEST, price: 1, amount: 1 }
        - { id: 4 }
        - { id: 5, symbol: B, price: many, amount: 1 }
      expect:
        sinks:
          large: [ { amount: 100, price: 12.50, id: 1, symbol: A, total: 1250 } ]
          rest: [ { $json: { id: 2, symbol: B, price: 0.1000000000000000055, amount: 1, total: 0.1000000000000000055 },
                    $meta: { key: B, route: rest } } ]
          all: { count: 2, contains: [ { symbol: A }, { id: 2 } ] }
        deadLetters:
          - { stage: validate, reason: symbol, message: { id: 4 } }
          - { stage: 'steps[1].set' }
        filtered: 1
`

describe('hermes test', () => {
  it('runs what is below the manifests directory, with no server, secret or file that the workflow names', async () => {
    await write('manifests/trades.test.yaml', passing)
    const ran = await place.hermes('test')
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout).toMatch(/^✔ trades: routes by size\n1 file, 1 case: 1 passed in \d+\w+\n$/)
    expect(await readdir(place.directory)).not.toContain('out.jsonl')
    expect(await readdir(place.directory)).not.toContain('.hermes')
    const valid = await place.hermes('validate')
    expect(valid.stdout).toContain('nowhere.json')
    expect(valid.stdout).toMatch(/^2 files, 5 manifests, 1 problem$/m)
    expect((await place.hermes('list', '-o', 'json')).stdout).not.toContain('WorkflowTest')
  })

  it('shows message by message what is not as expected, with its place', async () => {
    const text = `${head('trades')}    - name: is wrong
      input:
        - { id: 1, symbol: A, price: 1, amount: 1 }
        - { id: 2, symbol: A, price: 1, amount: 1 }
        - { id: 3, symbol: A, price: 1, amount: 1, "\\e[31m": "\\e[31m" }
        - $text: "no JSON"
      expect:
        sinks:
          rest:
            - { id: 1, symbol: A, price: 1, amount: 1, total: 2, fee: null }
            - { id: 3, symbol: A, price: 1, amount: 1, total: 1, "\\e[31m": "\\e[31m" }
            - { id: 4 }
          all: { count: 2, contains: [ { id: 2 }, { id: 1 } ] }
          large: []
        filtered: 1
`
    const { code, stdout } = await run(text)
    expect(code).toBe(2)
    expect(stdout.replace(/ in \d+\w+\n$/, '')).toBe(`✘ trades: is wrong
    one.test.yaml:15:11: sinks.rest: 3 messages expected, 3 came: 1 differs, 1 is missing, 1 was not expected
      1 differs (one.test.yaml:16:15)
        - total: 2
        + total: 1
        - fee: null
      2 was not expected
        + {"id":2,"symbol":"A","price":1,"amount":1,"total":1}
      3 is missing (one.test.yaml:18:15)
        - {"id":4}
    one.test.yaml:19:18: sinks.all: 2 expected, 3 came
    one.test.yaml:19:28: sinks.all: no message of 3 has what message 2 asks for behind message 2
      2, which came as 3 differs (one.test.yaml:19:51)
        - id: 1
        + id: 3
    one.test.yaml:13:7: deadLetters: 0 dead letters expected, 1 came: 1 was not expected
      1 was not expected
        + {"stage":"validate","reason":"the payload is not JSON: Unexpected token 'o', \\"no JSON\\" is not valid JSON","message":{"$text":"no JSON"}}
    one.test.yaml:21:9: filtered: 1 expected, 0 came
1 file, 1 case: 0 passed, 1 failed`)
    expect(stdout).not.toContain('\u001b')
    const [report] = (await reportOf(text)).cases
    expect(report).toMatchObject({ test: 'trades', workflow: 'trades', passed: false, at: { line: 7, column: 7 } })
    expect(report?.failures[0]?.differences[0]).toEqual({
      expected: { number: 1, at: { file: 'one.test.yaml', line: 16, column: 15 }, value: expect.anything() },
      actual: { number: 1, value: { id: 1, symbol: 'A', price: 1, amount: 1, total: 1 } },
      fields: [
        { path: ['total'], expected: 2, actual: 1 },
        { path: ['fee'], expected: null },
      ],
    })
    expect((await run(text, '-o', 'yaml')).stdout).toContain('expectation: sinks.rest')
  })

  it('closes windows by the time of events, and at the end', async () => {
    const text = `${head('minutes')}    - name: two windows, one late
      input:
        - { at: 2026-01-01T00:00:10Z, symbol: A, price: 1 }
        - { at: 2026-01-01T00:00:20Z, symbol: A, price: 3 }
        - { at: 2026-01-01T00:01:00Z, symbol: A, price: 2 }
        - { at: 2026-01-01T00:00:59Z, symbol: A, price: 9 }
      expect:
        sinks:
          drop:
            - { symbol: A, start: 2026-01-01T00:00:00.000Z, end: 2026-01-01T00:01:00.000Z, high: 3, n: 2 }
            - { symbol: A, start: 2026-01-01T00:01:00.000Z, end: 2026-01-01T00:02:00.000Z, high: 2, n: 1 }
        deadLetters: [ { stage: 'steps[0].aggregate', reason: late } ]
`
    expect(await run(text)).toMatchObject({ code: 0 })
  })

  it('has a clock that stands still but for waits, and keeps nothing from case to case', async () => {
    const text = `${head('clock')}    - &case
      name: by the clock
      at: 2026-01-01T00:00:30Z
      input: [ { a: 1 }, { $wait: 20s }, { a: 2 }, { $wait: 1h }, { a: 3 } ]
      expect:
        sinks:
          drop:
            - { start: 2026-01-01T00:00:00.000Z, end: 2026-01-01T00:01:00.000Z, n: 2, seen: 2026-01-01T00:01:00.000Z }
            - { start: 2026-01-01T01:00:00.000Z, end: 2026-01-01T01:01:00.000Z, n: 1, seen: 2026-01-01T01:00:50.000Z }
        deadLetters: { count: 0 }
    - { name: again, at: 2026-01-01T00:00:30Z, input: [ { a: 1 } ], expect: { sinks: { drop: { count: 1, contains: [ { n: 1 } ] } } } }
    - { name: a long wait, input: [ { a: 1 }, { $wait: 365d } ], expect: { sinks: { drop: { count: 1 } } } }
`
    expect(await run(text)).toMatchObject({ code: 0 })
  })

  it('takes payloads of any kind, and messages of files', async () => {
    await write('in.jsonl', '{"a":1}\r\n\n"two"\nthree\n{"a":4}')
    await write('raw.bin', Uint8Array.of(0xff, 0, 1))
    const text = `${head('bytes')}    - name: bytes stay bytes
      input:
        - $file: in.jsonl
        - $file: raw.bin
        - { $base64: /wAB, $meta: { key: k } }
        - { $text: '{"b": 1.0}' }
        - null
        - "\${not.a.template}"
        - { $json: { $text: x } }
      expect:
        sinks:
          raw:
            - { a: 1 }
            - two
            - $text: three
            - { a: 4.0 }
            - $base64: /wAB
            - { $file: raw.bin, $meta: { key: k } }
            - { b: 1 }
            - null
            - "\${not.a.template}"
            - { $json: { $text: x } }
`
    expect(await run(text)).toMatchObject({ code: 0 })
    const wrong = text
      .replace('$base64: /wAB\n', '$base64: AAAA\n')
      .replace('key: k } }\n            - {', 'key: l } }\n            - {')
    const { code, stdout } = await run(wrong)
    expect(code).toBe(2)
    expect(stdout).toContain('        - {"$base64":"AAAA"}\n        + {"$base64":"/wAB"}\n')
    expect(stdout).toContain('        - $meta.key: "l"\n        + $meta.key: "k"\n')
  })
})

const one = (rest: string, workflow = 'trades') => `${head(workflow)}    - { name: c, ${rest} }\n`

describe('what keeps a test from being run', () => {
  it.each<[string, string, string]>([
    ['another workflow', one('input: [], expect: { filtered: 0 }', 'trade'), '5:3: spec.workflow: missing_reference'],
    ['an unknown sink', one('input: [], expect: { sinks: { larg: [] } }'), 'did you mean large?'],
    [
      'an unknown stage',
      one('input: [], expect: { deadLetters: [ { stage: steps } ] }'),
      'Use one of validate, delivery',
    ],
    ['nothing expected', one('input: [], expect: {}'), 'expect must not be empty'],
    ['no such wrapper', one('input: [ { $txt: x } ], expect: { filtered: 0 }'), 'did you mean $text?'],
    ['two payloads', one('input: [ { $text: x, $json: 1 } ], expect: { filtered: 0 }'), 'needs exactly one of $json'],
    [
      'a wait in the output',
      one('input: [], expect: { sinks: { all: [ { $wait: 1s } ] } }'),
      '$wait is not known here',
    ],
    ['no time', one('at: noon, input: [], expect: { filtered: 0 }'), 'must be a valid date-time'],
    ['no number', one('input: [ .inf ], expect: { filtered: 0 }'), '.inf is no number in JSON'],
    ['no base64', one('input: [ { $base64: "?" } ], expect: { filtered: 0 }'), 'must be base64'],
    ['a file that is not there', one('input: [ { $file: x.jsonl } ], expect: { filtered: 0 }'), '7:29: invalid_value'],
    ['a directory for a file', one('input: [ { $file: manifests } ], expect: { filtered: 0 }'), 'manifests is no file'],
    [
      'a workflow that cannot run',
      one('input: [], expect: { filtered: 0 }', 'broken'),
      'the workflow broken cannot run',
    ],
    [
      'a name twice',
      `${one('input: [], expect: { filtered: 0 }')}    - { name: c, input: [], expect: { filtered: 0 } }\n`,
      '8:9: spec.cases[1].name: duplicate_name',
    ],
    ['another kind', workflows.split('---')[3] ?? '', 'kind: WorkflowTest'],
    ['no YAML', 'a: [', 'yaml_syntax'],
  ])('%s', async (_, text, words) => {
    const { code, stdout } = await run(text)
    expect([code, stdout]).toEqual([1, expect.stringContaining(words)])
    expect(stdout).toMatch(/^one\.test\.yaml:\d+:\d+: .*\n {2}fix: .+\n/m)
    expect(stdout).toMatch(/1 file, 0 cases: 0 passed, \d problems? in/)
  })

  it('is told beside the cases that run', async () => {
    const text = `${head('bytes')}    - { name: good, input: [ 1 ], expect: { sinks: { raw: [ 1 ] } } }
    - { name: bad, input: [ { $file: none.jsonl } ], expect: { sinks: { raw: [] } } }
`
    const { code, stdout } = await run(text)
    expect(code).toBe(1)
    expect(stdout).toContain('✔ bytes: good\none.test.yaml:8:31: invalid_value')
  })

  it.each<[string[], number, string]>([
    [['nowhere'], 1, 'nowhere does not exist'],
    [['manifests/workflows.yaml'], 64, 'is no file of tests'],
    [['empty'], 1, 'is named *.test.yaml'],
    [['--run', 'nothing like it'], 1, 'no case is called nothing like it'],
    [['--manifests', 'elsewhere'], 1, 'elsewhere'],
  ])('%j', async (args, code, words) => {
    await mkdir(join(place.directory, 'empty'), { recursive: true })
    const ran = await hermesInProcess(place.directory, 'test', ...args)
    expect([ran.code, ran.stdout]).toEqual([code, ''])
    expect(ran.stderr).toContain(words)
  })

  it('is found by hermes validate too, and a test that is named as a manifest', async () => {
    await write('manifests/wrong.test.yaml', one('input: [], expect: { sinks: { larg: [] } }'))
    await write('manifests/test.yaml', passing)
    const { code, stdout } = await place.hermes('validate')
    expect(code).toBe(1)
    expect(stdout).toContain('manifests/wrong.test.yaml:7:48: spec.cases[0].expect.sinks.larg: missing_reference')
    expect(stdout).toMatch(/manifests\/test\.yaml:2:7: kind: unknown_kind .*\n {2}fix: Tests stand in files named/)
    const alone = await place.hermes('validate', 'manifests/wrong.test.yaml')
    expect(alone).toMatchObject({ code: 1, stdout: expect.stringContaining('1 file, 0 manifests, 1 problem') })
  })
})

describe('which cases, and how they are told', () => {
  const two =
    `${head('bytes', 'odd "<&\u00e9>')}    - { name: first & <best>, input: [ 1 ], expect: { sinks: { raw: [ 1 ] } } }
    - { name: "second\\0", input: [ "\\x01]]>" ], expect: { sinks: { raw: [ 1 ] } } }
`.replace('{ name: odd "<&\u00e9> }', '{ name: odd }')

  it.each([
    ['first', ['first & <best>']],
    ['odd/*BEST', ['first & <best>']],
    ['d/s', ['second\u0000']],
    ['<b', ['first & <best>']],
    ['o', ['first & <best>', 'second\u0000']],
  ])('--run %s', async (pattern, names) => {
    const { stdout } = await run(two, '--run', pattern, '-o', 'json')
    expect((JSON.parse(stdout) as TestReport).cases.map(({ name }) => name)).toEqual(names)
  })

  it('--output junit is XML with a suite for each test', async () => {
    const { code, stdout } = await run(two, '-o', 'junit')
    expect(code).toBe(2)
    expect(stdout).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="2" failures="1" errors="0">/)
    expect(stdout).toContain(
      '<testcase classname="odd" name="first &#38; &#60;best&#62;" file="one.test.yaml" line="7"',
    )
    expect(stdout).toContain('<failure message="sinks.raw: 1 message expected')
    expect(stdout).toContain(']]&#62;')
    expect(stdout).not.toMatch(/[^\P{Cc}\n]/u)
    const opened = stdout.match(/<[a-z]+/g)?.map((tag) => tag.slice(1)) ?? []
    const closed = stdout.match(/<\/[a-z]+/g)?.map((tag) => tag.slice(2)) ?? []
    expect(opened.toSorted()).toEqual(closed.toSorted())
    const broken = await run('a: [', '-o', 'junit')
    expect(broken).toMatchObject({ code: 1, stdout: expect.stringContaining('errors="1"') })
    expect(broken.stdout).toContain('<error message="1:')
  })
})
