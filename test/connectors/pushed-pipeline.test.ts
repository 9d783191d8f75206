import { expect, it } from 'vitest'
import { openMemoryBuffer } from '../../src/connectors/buffers/memory.ts'
import { websocketSource } from '../../src/connectors/sources/websocket.ts'
import type { Delivery } from '../../src/stream/buffer.ts'
import { type Branch, runPipeline } from '../../src/stream/pipeline.ts'
import type { Source } from '../../src/stream/source.ts'
import { keep } from './clients.ts'
import { eventually, openPushed } from './open-pushed.ts'
import { openWebhooks } from './open-webhook.ts'
import { openPeer } from './websocket-peer.ts'

/** A pipeline whose sink takes a batch only when it is let. */
function running(source: Source, messages: number) {
  const stop = new AbortController()
  const abort = new AbortController()
  const written: unknown[] = []
  const pulled: Delivery[] = []
  const gate = { open: false }
  const sink: Branch = {
    deliver: async (deliveries, signal) => {
      for await (const delivery of deliveries) {
        pulled.push(delivery)
        while (!gate.open) {
          signal.throwIfAborted()
          await new Promise((resolve) => {
            setTimeout(resolve, 1)
          })
        }
        written.push(...delivery.batch.values())
        delivery.ack()
      }
    },
  }
  const buffer = openMemoryBuffer({ messages })
  const ended = runPipeline({ source, buffer, branches: [sink], stop: stop.signal, signal: abort.signal })
  ended.catch(() => undefined)
  return { stop, abort, written, pulled, gate, ended }
}

it('a webhook before a buffer in memory is answered when the sink has it, also while the pipeline stops', async () => {
  const webhooks = keep(await openWebhooks())
  const { pulled, gate, stop, ended, written } = running(await webhooks.open(), 100)
  await eventually(() => webhooks.routes.find('orders') !== 'idle')
  let answered = 0
  const answers = [1, 2, 3].map(async (n) => {
    const { status } = await webhooks.post(`${n}`)
    answered += 1
    return status
  })
  await eventually(() => pulled.length > 0)
  await new Promise((resolve) => {
    setTimeout(resolve, 200)
  })
  expect(answered).toBe(0)
  stop.abort()
  expect((await webhooks.post('4')).status).toBe(503)
  gate.open = true
  expect(await Promise.all(answers)).toEqual([200, 200, 200])
  expect(await ended).toMatchObject({ messages: 3 })
  expect(new Set(written)).toEqual(new Set([1, 2, 3]))
})

it('a webhook whose buffer is full waits its turn, and none is answered that was not written', async () => {
  const webhooks = keep(await openWebhooks())
  const source = await webhooks.open({ auth: { none: {} }, timeout: '300ms' })
  const { gate, stop, ended, written } = running(source, 2)
  await eventually(() => webhooks.routes.find('orders') !== 'idle')
  const first = await Promise.all(Array.from({ length: 200 }, (_, n) => webhooks.post(`${n}`)))
  expect(new Set(first.map(({ status }) => status))).toEqual(new Set([503]))
  gate.open = true
  const second = await Promise.all(Array.from({ length: 200 }, (_, n) => webhooks.post(`${n + 1_000}`)))
  stop.abort()
  await ended
  const taken = new Set(written)
  for (const [n, { status }] of second.entries()) if (status === 200) expect(taken.has(n + 1_000)).toBe(true)
  expect(second.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
})

it('a webhook is sent away when its pipeline is aborted', async () => {
  const webhooks = keep(await openWebhooks())
  const source = await webhooks.open()
  const { pulled, abort, ended } = running(source, 100)
  await eventually(() => webhooks.routes.find('orders') !== 'idle')
  const answer = webhooks.post('1')
  await eventually(() => pulled.length === 1)
  abort.abort(new Error('enough'))
  await expect(ended).rejects.toThrow('enough')
  await source[Symbol.asyncDispose]()
  expect((await answer).status).toBe(503)
})

it('a websocket before a full buffer is held back, and nothing of it is lost', async () => {
  const total = 50_000
  const peer = keep(
    await openPeer({
      connected: (socket) => {
        for (let n = 0; n < total; n += 1) socket.send(`{"n":${n},"filler":"${'x'.repeat(500)}"}`)
      },
    }),
  )
  const source = keep(await openPushed(websocketSource, { url: peer.url }))
  const { gate, stop, ended, written } = running(source, 1_000)
  await new Promise((resolve) => {
    setTimeout(resolve, 500)
  })
  expect(peer.last().bufferedAmount).toBeGreaterThan(5_000_000)
  gate.open = true
  await eventually(() => written.length === total)
  expect(written.every((each, index) => (each as { n: number }).n === index)).toBe(true)
  stop.abort()
  expect(await ended).toMatchObject({ messages: total })
})
