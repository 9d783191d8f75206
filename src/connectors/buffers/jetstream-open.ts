import type { JetStreamManager } from '@nats-io/jetstream'
import { durationMs } from '../../manifest/duration.ts'
import type { Buffer, BufferPlace } from '../../stream/buffer.ts'
import { type NatsClient, openNats } from '../nats-client.ts'
import { Receipts } from '../nats-receipts.ts'
import { apiCode, openJetStream } from '../nats-stream.ts'
import { JetStreamBuffer, type JetStreamBufferSettings } from './jetstream-buffer.ts'
import { StreamDepth } from './jetstream-depth.ts'
import { Outlet } from './jetstream-outlet.ts'

const NO_STREAM = 10_059
const NANOS = 1_000_000
const PREFIX = 'sink-'
/** More of them are never on their way: what stands in the stream is bounded by its bytes. */
const MAX_ACK_PENDING = 65_536

/**
 * Opens the buffer on its stream, made if need be, with one durable consumer for each of `consumers`; those that an
 * earlier configuration had are removed, for the stream keeps what they have not acknowledged. Throws
 * `connector_unavailable` and `connector_refused`.
 */
export async function openJetStreamBuffer(settings: JetStreamBufferSettings, place: BufferPlace): Promise<Buffer> {
  const signal = AbortSignal.timeout(durationMs(settings.timeout ?? '10s') * 2)
  const client = await openNats(settings, signal)
  try {
    const manager = await openJetStream(client, signal)
    const before = await client.inTime(ensureBuffer(manager, settings), signal)
    const outlets = await client.inTime(openOutlets(client, manager, settings, place), signal)
    const depth = new StreamDepth(place.consumers.length, before)
    const { createInbox, headers } = await import('@nats-io/transport-node')
    const { last } = before
    const room = Math.floor(settings.bytes / 8)
    return new JetStreamBuffer({ client, manager, outlets, depth, last, settings, place, room, createInbox, headers })
  } catch (error) {
    await client[Symbol.asyncDispose]()
    throw client.problem(error)
  }
}

/** What the stream holds: its subjects say how many messages a frame has. */
async function ensureBuffer(manager: JetStreamManager, { stream, bytes, replicas }: JetStreamBufferSettings) {
  const { DiscardPolicy, RetentionPolicy, StorageType } = await import('@nats-io/jetstream')
  const found = await manager.streams.info(stream, { subjects_filter: '>' }).catch((error: unknown) => {
    if (apiCode(error) !== NO_STREAM) throw error
    return manager.streams.add({
      name: stream,
      subjects: [`${stream}.*`],
      retention: RetentionPolicy.Interest,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      max_bytes: bytes,
      num_replicas: replicas,
    })
  })
  const { subjects = {}, bytes: held, last_seq: last } = found.state
  const counts = Object.entries(subjects).map(([subject, frames]) => Number(subject.slice(stream.length + 1)) * frames)
  return { messages: counts.reduce((sum, each) => sum + each, 0), bytes: held, last }
}

async function openOutlets(
  client: NatsClient,
  manager: JetStreamManager,
  { stream, ackWait }: JetStreamBufferSettings,
  { consumers, clock, log }: BufferPlace,
): Promise<Outlet[]> {
  const { AckPolicy, DeliverPolicy } = await import('@nats-io/jetstream')
  const names = consumers.map(durableName)
  for await (const { name } of manager.consumers.list(stream)) {
    if (!name.startsWith(PREFIX) || names.includes(name)) continue
    log.info({ stream, consumer: name }, 'consumer of a sink that is no more removed from the buffer')
    await manager.consumers.delete(stream, name)
  }
  const outlets: Outlet[] = []
  for (const name of names) {
    const info = await manager.consumers.add(stream, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.New,
      ack_wait: durationMs(ackWait) * NANOS,
      max_ack_pending: MAX_ACK_PENDING,
    })
    const consumer = manager.jetstream().consumers.getConsumerFromInfo(info)
    outlets.push(
      new Outlet({ client, manager, stream, name, consumer, receipts: new Receipts({ client, clock, log }), log }),
    )
  }
  return outlets
}

/** Names of sinks hold what names of consumers must not. */
function durableName(sink: string): string {
  return PREFIX + sink.replaceAll(/[^A-Za-z0-9-]/g, (each) => `_${each.codePointAt(0)?.toString(16) ?? ''}_`)
}
