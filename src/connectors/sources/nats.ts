import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { openNats } from '../nats-client.ts'
import { type NatsSourceConfig, natsSourceSchema } from './nats-config.ts'
import { JetStreamSource } from './nats-jetstream.ts'
import { NatsSubscription } from './nats-subscription.ts'

/** A stream by a durable consumer, which loses nothing, or a subject, which is volatile. */
export const natsSource: Connector<Source, NatsSourceConfig> = {
  type: 'nats',
  summary: 'A stream of a NATS server by a durable consumer, or a subject.',
  config: natsSourceSchema,
  volatile: ({ jetstream }) => jetstream === undefined,
  open: async (config, { clock, log }) => {
    const { jetstream, subject, queue } = config
    if (jetstream === undefined && subject === undefined) {
      throw new HermesError('invalid_value', 'one of subject and jetstream is needed')
    }
    const signal = AbortSignal.timeout(durationMs(config.timeout) * 2)
    const client = await openNats(config, signal)
    if (jetstream !== undefined) return await JetStreamSource.open(client, { jetstream, clock, log }, signal)
    return await NatsSubscription.open(client, { subject: subject ?? '', queue, clock, log }, signal)
  },
}
