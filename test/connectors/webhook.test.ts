import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { webhookSource } from '../../src/connectors/sources/webhook.ts'
import type { Source } from '../../src/stream/source.ts'
import { FakeClock } from '../fake-clock.ts'
import type { Answer } from '../service/open-world.ts'
import { eventually, openPushed, reading } from './open-pushed.ts'
import { openWebhooks, SECRET, signature, TOKEN, told, type Webhooks } from './open-webhook.ts'
import { never } from './opened.ts'
import { pushedSourceContract } from './pushed-source-contract.ts'

let webhooks: Webhooks
beforeEach(async () => {
  webhooks = await openWebhooks()
})
afterEach(() => webhooks[Symbol.asyncDispose]())

/** Reads, and acknowledges each batch as soon as it is there, as a durable buffer does. */
function acknowledging(source: Source) {
  const stop = new AbortController()
  const messages: { text: string; id: string | undefined }[] = []
  const run = async (): Promise<void> => {
    for await (const batch of source.read(undefined, stop.signal, never)) {
      for (let index = 0; index < batch.size; index += 1) {
        messages.push({ text: Buffer.from(batch.bytes(index)).toString(), id: batch.meta(index).id })
      }
      source.ack?.(JSON.parse(JSON.stringify(batch.position)))
    }
  }
  const ended = run()
  return { stop, messages, ended }
}

pushedSourceContract('webhook', async () => {
  const own = await openWebhooks()
  return {
    open: () => own.open(),
    send: async (text) => {
      await eventually(() => own.routes.find('orders') !== 'idle')
      own.post(text).catch(() => undefined)
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    },
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  }
})

describe('a webhook', () => {
  it('is answered with 200 when it is acknowledged, and not before', async () => {
    const source = await webhooks.open()
    const read = reading(source)
    let status = 0
    const answered = webhooks.post('{"order":7}').then((answer) => {
      status = answer.status
      return answer
    })
    await eventually(() => read.texts.length === 1)
    await new Promise((resolve) => {
      setTimeout(resolve, 100)
    })
    expect(status).toBe(0)
    source.ack?.(read.positions[0])
    expect(told(await answered)).toEqual({ messages: 1 })
    expect([status, read.texts]).toEqual([200, ['{"order":7}']])
  })

  it('is answered with all before it by one acknowledgement, and not by one of another time', async () => {
    const source = await webhooks.open()
    const read = reading(source)
    const answered: string[] = []
    const sent: Promise<unknown>[] = []
    for (const [index, text] of ['1', '2', '3'].entries()) {
      sent.push(webhooks.post(text).then(() => answered.push(text)))
      await eventually(() => read.texts.length > index)
    }
    const [, second] = read.positions as { opened: string; batch: number }[]
    source.ack?.({ opened: 'another time', batch: 3 })
    source.ack?.(second)
    await Promise.all(sent.slice(0, 2))
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    expect(answered.toSorted()).toEqual(['1', '2'])
    source.ack?.(read.positions[2])
    await Promise.all(sent)
  })

  it('answers thousands in parallel, each once, and hands each on once', async () => {
    const source = await webhooks.open()
    const { messages } = acknowledging(source)
    const total = 5_000
    const answers = await Promise.all(
      Array.from({ length: total }, (_, index) => webhooks.post(`{"n":${index}}`, { 'idempotency-key': `k${index}` })),
    )
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(new Set(messages.map(({ text }) => text)).size).toBe(total)
    expect(messages).toHaveLength(total)
    expect(messages.every(({ text, id }) => text === `{"n":${id?.slice(1)}}`)).toBe(true)
  }, 60_000)

  it('keeps its id when it is sent again, whatever the header is called', async () => {
    const source = await webhooks.open({ auth: { none: {} }, idempotencyHeader: 'X-GitHub-Delivery', elements: true })
    const { messages } = acknowledging(source)
    for (const _ of [1, 2]) await webhooks.post('[1,{"a":2}]', { 'x-github-delivery': 'd-1' })
    await webhooks.post('[3]', { 'x-github-delivery': 'd-2' })
    await webhooks.post('[4]', { 'idempotency-key': 'other' })
    await webhooks.post('{"not":"a list"}')
    expect(messages.map(({ text, id }) => [text, id])).toEqual([
      ['1', 'd-1/0'],
      ['{"a":2}', 'd-1/1'],
      ['1', 'd-1/0'],
      ['{"a":2}', 'd-1/1'],
      ['3', 'd-2'],
      ['4', undefined],
      ['{"not":"a list"}', undefined],
    ])
    expect(told(await webhooks.post('[5]', { 'x-github-delivery': 'x'.repeat(257) })).error?.code).toBe(
      'request_invalid',
    )
  })

  it('stands below a path of its own', async () => {
    acknowledging(await webhooks.open({ auth: { none: {} }, path: 'shop/paid' }))
    acknowledging(await webhooks.open({ auth: { none: {} }, path: 'shop' }))
    expect((await webhooks.post('1', {}, '/hooks/orders/shop/paid')).status).toBe(200)
    expect((await webhooks.post('1', {}, '/hooks/orders/shop?retry=1')).status).toBe(200)
    expect((await webhooks.post('1', {}, '/hooks/orders')).status).toBe(503)
    const second = reading(await webhooks.open({ auth: { none: {} }, path: 'shop' }))
    await expect(second.ended).rejects.toMatchObject({ code: 'connector_refused' })
  })

  it('needs a service', async () => {
    await expect(openPushed(webhookSource, {})).rejects.toMatchObject({ code: 'connector_refused' })
  })
})

describe('the body of a webhook', () => {
  it.each<[string, object, string | Uint8Array, readonly string[]]>([
    ['JSON as it came', {}, ' {"a": 1.10, "b":[1, 2]}\n', [' {"a": 1.10, "b":[1, 2]}\n']],
    ['a list as one message', {}, '[1,2]', ['[1,2]']],
    [
      'elements, no digit lost',
      { elements: true },
      '[12345678901234567890, "é", null]',
      ['12345678901234567890', '"é"', 'null'],
    ],
    ['no elements', { elements: true }, '[]', []],
    ['lines', { body: 'ndjson' }, '{"a":1}\r\n\n  \n[2]\n3', ['{"a":1}\r', '[2]', '3']],
    ['no lines', { body: 'ndjson' }, '', []],
    ['any bytes', { body: 'raw' }, Buffer.from('a=1&b=%20'), ['a=1&b=%20']],
  ])('may hold %s', async (_what, config, body, expected) => {
    const { messages } = acknowledging(await webhooks.open({ auth: { none: {} }, ...config }))
    const answer = await webhooks.post(body, { 'content-type': 'application/x-www-form-urlencoded' })
    expect([answer.status, told(answer)]).toEqual([200, { messages: expected.length }])
    expect(messages.map(({ text }) => text)).toEqual(expected)
  })

  it.each<[string, object, string | Uint8Array, RegExp]>([
    ['nothing', {}, '', /the body is not JSON/],
    ['half of it', {}, '{"a":', /the body is not JSON/],
    ['what is not UTF-8', {}, Buffer.from([0x22, 0xc3, 0x28, 0x22]), /the body is not JSON/],
    ['absurd nesting', { elements: true }, `${'['.repeat(500_000)}1e400${']'.repeat(500_000)}`, /is not JSON|nested/],
    ['a bad line, named', { body: 'ndjson' }, '{"a":1}\n\n{"b":\n', /line 3 is not JSON/],
    ['too many messages', { elements: true }, `[${'1,'.repeat(10_000)}1]`, /more than 10000 messages/],
    ['too many lines', { body: 'ndjson' }, '1\n'.repeat(10_001), /more than 10000 messages/],
  ])('may not hold %s: all of it is refused with 400', async (_what, config, body, message) => {
    const { messages } = acknowledging(await webhooks.open({ auth: { none: {} }, ...config }))
    const answer = await webhooks.post(body)
    expect([answer.status, told(answer).error?.code]).toEqual([400, 'request_invalid'])
    expect(answer.text).toMatch(message)
    expect((await webhooks.post('1')).status).toBe(200)
    expect(messages.map(({ text }) => text)).toEqual(['1'])
  })

  it('may be as large as maxBytes and no larger, and not compressed', async () => {
    const { messages } = acknowledging(await webhooks.open({ auth: { none: {} }, maxBytes: 5_000_000, body: 'raw' }))
    expect((await webhooks.post('x'.repeat(5_000_000))).status).toBe(200)
    const answer = await webhooks.post('x'.repeat(5_000_001), { expect: '100-continue' }).catch(() => undefined)
    if (answer !== undefined) expect([answer.status, told(answer).error?.code]).toEqual([413, 'webhook_too_large'])
    expect((await webhooks.post('x', { 'content-encoding': 'gzip' })).status).toBe(400)
    expect(messages.map(({ text }) => text.length)).toEqual([5_000_000])
  })
})

const signed = (value: string) => ({ 'x-hub-signature-256': value })

describe('who may send', () => {
  it('is who signs the body with the secret', async () => {
    const { messages } = acknowledging(await webhooks.open({ auth: { hmac: { secret: SECRET } } }))
    const right = `sha256=${signature('{"a":1}')}`
    expect((await webhooks.post('{"a":1}', signed(right))).status).toBe(200)
    expect((await webhooks.post('{"a":1}', signed(`sha256=${signature('{"a":1}').toUpperCase()}`))).status).toBe(200)
    const refused = await Promise.all([
      webhooks.post('{"a":1}'),
      webhooks.post('{"a":2}', signed(right)),
      webhooks.post('{"a":1} ', signed(right)),
      webhooks.post('not JSON', signed(right)),
      webhooks.post('{"a":1}', signed(right.slice(0, -1))),
      webhooks.post('{"a":1}', signed(signature('{"a":1}'))),
      webhooks.post('{"a":1}', signed(`sha256=${signature('{"a":1}', '')}`)),
      webhooks.post('{"a":1}', signed('sha256=')),
      webhooks.post('{"a":1}', signed('')),
      webhooks.post('{"a":1}', { authorization: `Bearer ${TOKEN}` }),
    ])
    for (const answer of refused) expect([answer.status, answer.text]).toEqual([401, refused[0]?.text])
    expect(refused[0]?.text).not.toContain(SECRET)
    expect(messages).toHaveLength(2)
  })

  it('may sign in another header, with another prefix, in base64', async () => {
    const hmac = { secret: SECRET, header: 'X-Shopify-Hmac-Sha256', prefix: '', encoding: 'base64' }
    acknowledging(await webhooks.open({ auth: { hmac } }))
    const value = Buffer.from(signature('1'), 'hex').toString('base64')
    expect((await webhooks.post('1', { 'x-shopify-hmac-sha256': value })).status).toBe(200)
    expect((await webhooks.post('1', { 'x-shopify-hmac-sha256': value.toLowerCase() })).status).toBe(401)
  })

  it('may carry a secret in a header', async () => {
    acknowledging(await webhooks.open({ auth: { header: { value: 'Bearer of-its-own' } } }))
    expect((await webhooks.post('1', { authorization: 'Bearer of-its-own' })).status).toBe(200)
    expect((await webhooks.post('1', { authorization: `Bearer ${TOKEN}` })).status).toBe(401)
    expect((await webhooks.post('1')).status).toBe(401)
  })

  it("is who has the service's token where nothing else is said", async () => {
    acknowledging(await webhooks.open({}))
    expect((await webhooks.post('1', { authorization: `Bearer ${TOKEN}` })).status).toBe(200)
    expect((await webhooks.post('1')).status).toBe(401)
    expect((await webhooks.post('1', { authorization: 'Bearer other' })).status).toBe(401)
    expect((await webhooks.ask('POST', '/hooks/orders', '1')).status).toBe(200)
  })

  it.each([{ hmac: { secret: ' ' } }, { header: { value: ' ' } }])(
    'is not said by an empty secret: %j',
    async (auth) => {
      await expect(webhooks.open({ auth })).rejects.toMatchObject({ code: 'connector_refused' })
    },
  )
})

describe('when a webhook cannot be taken', () => {
  const busy = { error: { code: 'webhook_busy' } }

  it('because nothing reads it says when to come again', async () => {
    const answer = await webhooks.post('1')
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5'])
    expect(told(answer)).toMatchObject(busy)
    const source = await webhooks.open()
    expect((await webhooks.post('1')).status).toBe(503)
    const { stop, ended } = acknowledging(source)
    expect((await webhooks.post('1')).status).toBe(200)
    stop.abort()
    await ended
    expect((await webhooks.post('1')).status).toBe(503)
  })

  it('because it is full for too long, it is sent away, and does not come after all', async () => {
    const clock = new FakeClock()
    const source = await webhooks.open({ auth: { none: {} }, timeout: '10s' }, { clock })
    const reader = source.read(undefined, never, never)[Symbol.asyncIterator]()
    const first = reader.next()
    const answers = [webhooks.post('1')]
    await first
    answers.push(webhooks.post('2'))
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    await clock.advance(9_000)
    answers.push(webhooks.post('3'))
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    await clock.advance(1_000)
    const [one, two] = await Promise.all(answers.slice(0, 2))
    expect([one?.status, one?.headers['retry-after'], two?.status]).toEqual([503, '2', 503])
    expect(one?.text).toContain('could not take it within 10000 ms')
    const { value } = await reader.next()
    expect(value?.values()).toEqual([3])
    source.ack?.(value?.position)
    expect((await answers[2])?.status).toBe(200)
    await reader.return?.()
  })

  it('because too much waits already, it is sent away at once', async () => {
    const source = await webhooks.open({ auth: { none: {} }, body: 'raw', maxWaitingBytes: 100_000 })
    const read = reading(source)
    const refused: Answer[] = []
    const answers = Array.from({ length: 10 }, async () => {
      const answer = await webhooks.post('x'.repeat(30_000))
      if (answer.status === 503) refused.push(answer)
      return answer.status
    })
    await eventually(() => refused.length === 7 && read.texts.length === 3)
    for (const answer of refused) expect(told(answer)).toMatchObject(busy)
    source.ack?.(read.positions.at(-1))
    expect((await Promise.all(answers)).filter((status) => status === 200)).toHaveLength(3)
    // What was answered makes room again.
    const again = webhooks.post('y'.repeat(30_000))
    await eventually(() => read.texts.length === 4)
    source.ack?.(read.positions.at(-1))
    expect((await again).status).toBe(200)
  })

  it('because it stops: what is in a batch gets its answer, the rest is sent away', async () => {
    const source = await webhooks.open()
    const stop = new AbortController()
    const reader = source.read(undefined, stop.signal, never)[Symbol.asyncIterator]()
    const first = reader.next()
    const taken = webhooks.post('1')
    const { value } = await first
    const waiting = webhooks.post('2')
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
    stop.abort()
    expect((await reader.next()).done).toBe(true)
    expect((await waiting).status).toBe(503)
    source.ack?.(value?.position)
    expect((await taken).status).toBe(200)
  })

  it('because it is aborted or disposed: nobody is left without an answer', async () => {
    const source = await webhooks.open()
    const read = reading(source)
    const answers = ['1', '2', '3'].map((text) => webhooks.post(text))
    await eventually(() => read.texts.length === 3)
    read.abort.abort(new Error('enough'))
    await expect(read.ended).rejects.toThrow('enough')
    await source[Symbol.asyncDispose]()
    for (const answer of await Promise.all(answers)) {
      expect([answer.status, told(answer)]).toMatchObject([503, busy])
    }
    source.ack?.(read.positions[0])
  })
})
