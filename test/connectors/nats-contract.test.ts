import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { natsSink } from '../../src/connectors/sinks/nats.ts'
import { natsSource } from '../../src/connectors/sources/nats.ts'
import { natsUrl, onNats } from './brokers.ts'
import { faultProxy } from './fault-proxy.ts'
import { opened } from './opened-stream.ts'
import { uniqueName } from './servers.ts'
import { sinkContract } from './sink-contract.ts'
import { streamSourceContract } from './stream-source-contract.ts'

const url = natsUrl
const tooLarge = 'x'.repeat(1_048_577)

onNats('nats', () => {
  sinkContract('nats with JetStream', async () => {
    const stream = uniqueName('contract')
    const witness = await connect({ servers: natsUrl })
    const manager = await jetstreamManager(witness)
    const proxy = await faultProxy(4_222)
    const subject = `${stream}.in`
    await manager.streams.add({ name: stream, subjects: [subject] })
    return {
      open: () => opened(natsSink, { url: `nats://127.0.0.1:${proxy.port}`, subject, jetstream: { stream } }),
      written: async () => {
        const { messages } = (await manager.streams.info(stream)).state
        if (messages === 0) return []
        const reader = await jetstream(witness).consumers.get(stream)
        const values: unknown[] = []
        for await (const message of await reader.consume()) {
          values.push(message.json())
          if (values.length === messages) break
        }
        return values
      },
      refused: tooLarge,
      once: true,
      stall: () => proxy.become('stall'),
      [Symbol.asyncDispose]: async () => {
        await proxy[Symbol.asyncDispose]()
        await manager.streams.delete(stream)
        await witness.close()
      },
    }
  })
})

onNats('nats', () => {
  sinkContract('nats, publishing', async () => ({
    open: () => opened(natsSink, { url, subject: uniqueName('contract') }),
    refused: tooLarge,
    [Symbol.asyncDispose]: async () => {},
  }))
})

onNats('nats', () => {
  streamSourceContract('nats, listening to a subject', async () => {
    const subject = uniqueName('contract')
    const witness = await connect({ servers: natsUrl })
    return {
      open: () => opened(natsSource, { url, subject }),
      give: async (from, to) => {
        for (let id = from; id < to; id++) witness.publish(subject, JSON.stringify({ id }))
        await witness.flush()
      },
      resumes: false,
      [Symbol.asyncDispose]: () => witness.close(),
    }
  })
})
