import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { manifestReader } from '../../src/manifest/read.ts'
import { kinds } from '../../src/resources/kinds.ts'
import { hermesInProcess } from '../cli/in-process.ts'

const read = manifestReader(kinds)

function connection(http: string): string {
  return `apiVersion: hermes/v1\nkind: Connection\nmetadata: { name: a }\nspec:\n  http:\n    url: "https://x.example"\n    ${http}\n`
}

function source(http: string, more = ''): string {
  return `apiVersion: hermes/v1\nkind: SourceDefinition\nmetadata: { name: a }\nspec:\n  ${more}http:\n    url: "https://x.example"\n    ${http}\n`
}

function workflow(clause: string): string {
  return `apiVersion: hermes/v1\nkind: Workflow\nmetadata: { name: a }\nspec:\n  ${clause}\n  sinks: [{ drop: {} }]\n`
}

function found(text: string): readonly string[] {
  const { problems } = read(text, 'a.yaml')
  expect(JSON.stringify(problems)).not.toContain('hunter2')
  return problems.map(({ code, path, at }) => `${at.line} ${code} ${path}`)
}

describe('a secret that is written out', () => {
  test.each([
    ['auth: { bearer: { token: hunter2 } }', 'auth.bearer.token'],
    ['auth: { basic: { username: ann, password: hunter2 } }', 'auth.basic.password'],
    ['auth: { apiKey: { header: X-Key, value: hunter2 } }', 'auth.apiKey.value'],
    ['auth: { oauth2: { tokenUrl: "https://x", clientId: i, clientSecret: hunter2 } }', 'auth.oauth2.clientSecret'],
    ['tls: { cert: abc, key: "-----BEGIN\\nhunter2" }', 'tls.key'],
    ['proxy: "http://ann:hunter2@proxy:3128"', 'proxy'],
    ['headers: { Authorization: Bearer hunter2 }', 'headers.Authorization'],
    ['headers: { x-api-key: hunter2 }', 'headers.x-api-key'],
    ['headers: { PRIVATE-TOKEN: hunter2 }', 'headers.PRIVATE-TOKEN'],
    ['headers: { Cookie: "sid=hunter2" }', 'headers.Cookie'],
    [`auth: { bearer: { token: "\${'hunter2'}" } }`, 'auth.bearer.token'],
    ['auth: { bearer: { token: "$${secrets.hunter2}" } }', 'auth.bearer.token'],
  ])('%s is refused at its place, and not repeated', (http, path) => {
    expect(found(connection(http))).toEqual([`7 secret_literal spec.http.${path}`])
  })

  test('is refused in an address, where no secret may stand either', () => {
    const inAddress = connection('').replace('https://x.example', 'https://ann:hunter2@x.example')
    expect(found(inAddress)).toEqual(['6 invalid_value spec.http.url'])
    const ofSource = source('').replace('https://x.example', 'https://hunter2@x.example/a')
    expect(found(ofSource)).toEqual(['6 invalid_value spec.http.url'])
    const ofSink = workflow('source: { generate: { payload: 1 } }').replace(
      'drop: {}',
      'http: { url: "http://a:hunter2@x" }',
    )
    expect(found(ofSink)).toEqual(['6 invalid_value spec.sinks[0].http.url'])
    expect(found(connection('').replace('https://x.example', 'https://x.example/mail/ann@example.org'))).toEqual([])
  })

  test('is refused in the headers of a source, out of its parameters and out of a list', () => {
    expect(found(source('headers: { X-Auth-Token: hunter2 }'))).toEqual([
      '7 secret_literal spec.http.headers.X-Auth-Token',
    ])
    const ofParams = source('headers: { Authorization: "Bearer ${params.t}" }', 'params: { t: hunter2 }\n  ')
    expect(found(ofParams)).toEqual(['8 secret_literal spec.http.headers.Authorization'])
    const ofList = source('headers: { Authorization: "Bearer ${each.t}" }', 'forEach: { t: [hunter2] }\n  ')
    expect(found(ofList)).toEqual(['8 secret_literal spec.http.headers.Authorization'])
  })

  test.each([
    ['source: { redis: { url: "redis://:hunter2@cache", channels: [a] } }', 'source.redis.url'],
    ['source: { nats: { url: "nats://hunter2@broker", subject: a } }', 'source.nats.url'],
    ['source: { websocket: { url: "wss://ann:hunter2@x" } }', 'source.websocket.url'],
    [
      'source: { websocket: { url: "wss://x", headers: { Authorization: "hunter2" } } }',
      'source.websocket.headers.Authorization',
    ],
    ['source: { websocket: { url: "wss://x", tls: { key: "hunter2" } } }', 'source.websocket.tls.key'],
    ['source: { webhook: { auth: { hmac: { secret: "hunter2", header: X } } } }', 'source.webhook.auth.hmac.secret'],
  ])('%s of a workflow is refused', (clause, path) => {
    expect(found(workflow(clause))).toContain(`5 secret_literal spec.${path}`)
    expect(read(workflow(clause.replace('hunter2', '${secrets.T}')), 'a.yaml').problems).toEqual([])
  })

  test.each([
    'auth: { bearer: { token: "${secrets.T}" } }',
    'auth: { basic: { username: ann, password: "${secrets.P}" } }',
    'auth: { basic: { username: "${secrets.KEY}", password: "" } }',
    'auth: { apiKey: { query: k, value: "${secrets.A}-${secrets.B}" } }',
    'headers: { Authorization: "Token ${secrets.T}", Accept: text/csv, X-Team: data, X-Atlassian-Token: no-check }',
    'proxy: "http://proxy:3128"',
    'proxy: "http://ann:${secrets.P}@proxy:3128"',
    'proxy: environment',
  ])('%s is as it should be', (http) => {
    expect(found(connection(http))).toEqual([])
  })
})

test('hermes validate names place and fix, and does not show it', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'hermes-secret-'))
  stack.defer(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'a.yaml'), connection('auth: { bearer: { token: hunter2 } }'))
  for (const output of ['table', 'json', 'github']) {
    const { code, stdout, stderr } = await hermesInProcess(directory, 'validate', '.', '--output', output)
    expect(code).toBe(1)
    expect(stdout + stderr).toContain('secret_literal')
    expect(stdout + stderr).toContain('${secrets.NAME}')
    expect(stdout + stderr).not.toContain('hunter2')
  }
})
