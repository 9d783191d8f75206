import { describe, expect, it } from 'vitest'
import { messageTime } from '../../src/connectors/sources/message-time.ts'
import { type WebsocketSource, websocketSource } from '../../src/connectors/sources/websocket.ts'
import { Checks, checkRules } from '../../src/connectors/sources/websocket-checks.ts'
import { bytesBatch } from '../../src/stream/batches.ts'
import { FakeClock } from '../fake-clock.ts'
import { keep } from './clients.ts'
import { eventually, keepingLog, openPushed, reading } from './open-pushed.ts'
import { openPeer, type Peer } from './websocket-peer.ts'

const quick = { reconnect: { first: '10ms', most: '50ms' } }

/** Sends the rows of numbers, one for each connection. */
async function feed(rows: readonly (readonly unknown[])[], config: object) {
  const peer: Peer = keep(
    await openPeer({
      connected: (socket, number) => {
        for (const each of rows[number - 1] ?? []) socket.send(typeof each === 'string' ? each : JSON.stringify(each))
      },
    }),
  )
  const log = keepingLog()
  const parts = { ...quick, url: peer.url, subscribe: ['hello'], ...config }
  const source = keep((await openPushed(websocketSource, parts, { log })) as WebsocketSource)
  return { peer, log, source, ...reading(source) }
}

const numbered = (...numbers: number[]) => numbers.map((seq) => ({ seq }))

const batch = (...values: (object | string)[]) =>
  bytesBatch(values.map((each) => Buffer.from(typeof each === 'string' ? each : JSON.stringify(each))))

describe('the sequence', () => {
  it('that has a gap makes the connection anew; nothing behind the gap goes on', async () => {
    const { peer, log, source, texts } = await feed([numbered(5, 6, 8, 9), numbered(1, 2, 3)], {
      sequence: { field: 'seq' },
    })
    await eventually(() => texts.length === 5 && peer.received.length === 2)
    expect(texts).toEqual([5, 6, 1, 2, 3].map((seq) => `{"seq":${seq}}`))
    expect(source.counts()).toEqual({ connections: 2, gaps: 1, behindGap: 2, repeated: 0, stale: 0 })
    const gap = `${peer.url.replace('/feed', '')}: the sequence has a gap: 8 came where 7 was due`
    expect(log.lines.find(({ message }) => message === 'websocket lost')?.fields['error']).toBe(gap)
    expect(log.lines.find(({ message }) => message === 'messages missing or left out')?.fields).toMatchObject({
      gaps: 1,
      expected: '7',
      found: '8',
    })
  })

  it('that has gaps again and again does not hammer the server', async () => {
    const gap = [{ seq: 1 }, { seq: 3 }]
    const { peer, source } = await feed(
      Array.from({ length: 100 }, () => gap),
      {
        sequence: { field: 'seq' },
        reconnect: { first: '50ms', most: '400ms' },
      },
    )
    await new Promise((resolve) => {
      setTimeout(resolve, 1_000)
    })
    expect(peer.sockets.length).toBeLessThan(9)
    expect(source.counts().gaps).toBeGreaterThan(2)
  })

  it('with onGap: report tells and goes on', async () => {
    const { peer, log, source, texts } = await feed([[{ seq: 1 }, { seq: 4 }, { seq: 5 }, { seq: 2 }]], {
      sequence: { field: 'seq', onGap: 'report' },
    })
    await eventually(() => texts.length === 4)
    expect(source.counts()).toMatchObject({ connections: 1, gaps: 2, behindGap: 0 })
    expect(peer.sockets).toHaveLength(1)
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  it('is counted for each key apart, passes what has no number, and leaves a repetition out', async () => {
    const messages = [
      { data: { n: '1' }, id: 'a' },
      { data: { n: '7' }, id: 'b' },
      { type: 'heartbeat' },
      'not JSON',
      { data: { n: '2' }, id: 'a' },
      { data: { n: '2' }, id: 'a' },
      { data: { n: '8' }, id: 'b' },
      { data: { n: 'x' }, id: 'b' },
      { data: { n: '9' }, id: 'b' },
    ]
    const { source, texts } = await feed([messages], { sequence: { field: 'data.n', per: 'id' } })
    await eventually(() => texts.length === 8)
    expect(source.counts()).toMatchObject({ connections: 1, gaps: 0, repeated: 1 })
    expect(texts.filter((text) => text.includes('"2"'))).toHaveLength(1)
  })
})

describe('checks', () => {
  const sequence = { field: 's', per: 'k', onGap: 'report' } as const

  it('take numbers beyond 2^53 exactly', () => {
    const checks = new Checks(checkRules({ field: 's', onGap: 'report' }))
    const big = ['9007199254740993', '9007199254740994', '9007199254740996'].map((s) => `{"s":${s}}`)
    expect(checks.check(batch(...big), 0).gaps).toEqual([{ expected: '9007199254740995', found: '9007199254740996' }])
  })

  it('see a row that begins anew in the middle of a connection', () => {
    const checks = new Checks(checkRules({ field: 's', onGap: 'restart' }))
    const checked = checks.check(batch({ s: 7 }, { s: 1 }, { s: 2 }), 0)
    expect([checked.batch.size, checked.behindGap, checks.broken]).toEqual([1, 2, true])
  })

  it('hand on the very same batch when nothing is left out', () => {
    const checks = new Checks(checkRules(sequence))
    const untouched = batch({ s: 1, k: 'a' }, { s: 2, k: 'a' })
    expect(checks.check(untouched, 0).batch).toBe(untouched)
  })

  it('remember a bounded number of rows', () => {
    const checks = new Checks(checkRules(sequence))
    for (let k = 0; k < 70_000; k += 1) checks.check(batch({ s: 1, k }), 0)
    // The first rows are forgotten and begin anew; the last are not.
    expect(checks.check(batch({ s: 5, k: 0 }), 0).gaps).toEqual([])
    expect(checks.check(batch({ s: 5, k: 69_999 }), 0).gaps).toEqual([{ expected: '2', found: '5', of: '69999' }])
  })

  it('leave out what is old, and keep what has no time', () => {
    const checks = new Checks(checkRules(undefined, { field: 't', olderThanMs: 5_000 }))
    const now = Date.UTC(2026, 0, 1, 12)
    const at = (ms: number) => new Date(now + ms).toISOString()
    const checked = checks.check(
      batch({ t: at(-5_001) }, { t: at(-5_000) }, { t: at(9_000) }, { t: 'soon' }, {}, 'not JSON', { t: now - 6_000 }),
      now,
    )
    expect([checked.stale, checked.batch.size]).toEqual([2, 5])
  })
})

it('a websocket source leaves stale messages out, by its clock, and counts them', async () => {
  const clock = new FakeClock()
  const peer = keep(
    await openPeer({
      connected: (socket) => {
        for (const age of [10_000, 1_000, 6_000, 0]) socket.send(JSON.stringify({ time: clock.now() - age, age }))
      },
    }),
  )
  const config = { ...quick, url: peer.url, stale: { field: 'time', olderThan: '5s' }, sequence: { field: 'none' } }
  const source = keep((await openPushed(websocketSource, config, { clock })) as WebsocketSource)
  const { texts } = reading(source)
  await eventually(() => texts.length === 2)
  expect(texts.map((text) => (JSON.parse(text) as { age: number }).age)).toEqual([1_000, 0])
  expect(source.counts().stale).toBe(2)
})

it.each([
  ['2026-08-09T21:05:48Z', Date.UTC(2026, 7, 9, 21, 5, 48)],
  ['2026-08-09T21:05:48.123456789Z', Date.UTC(2026, 7, 9, 21, 5, 48, 123)],
  ['2026-08-09t23:05:48+02:00', Date.UTC(2026, 7, 9, 21, 5, 48)],
  [1_786_309_548, 1_786_309_548_000],
  [1_786_309_548.5, 1_786_309_548_500],
  ['1786309548', 1_786_309_548_000],
  [1_786_309_548_123, 1_786_309_548_123],
  [1_786_309_548_123_456, 1_786_309_548_123.456],
  ['1786309548123456789', 1_786_309_548_123.4568],
  ['2026-08-09T21:05:48', undefined],
  ['2026-13-09T21:05:48Z', undefined],
  ['yesterday', undefined],
  [-5, undefined],
  [null, undefined],
  [{}, undefined],
])('the time %j is %j', (value, ms) => {
  const time = messageTime(value)
  if (ms === undefined) expect(time).toBeUndefined()
  else expect(time).toBeCloseTo(ms, 2)
})
