import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { openRedis } from '../redis-client.ts'
import { type RedisSourceConfig, redisSourceSchema } from './redis-config.ts'
import { RedisStream } from './redis-stream.ts'
import { RedisSubscription } from './redis-subscription.ts'

/** A stream by a consumer group, which loses nothing, or channels, which are volatile. */
export const redisSource: Connector<Source, RedisSourceConfig> = {
  type: 'redis',
  summary: 'A stream of a Redis server by a consumer group, or its channels.',
  config: redisSourceSchema,
  volatile: ({ stream }) => stream === undefined,
  open: async (config, { clock, log }) => {
    const { stream, channels, patterns } = config
    const connect = (until: AbortSignal) => openRedis(config, until)
    if (stream === undefined && channels === undefined && patterns === undefined) {
      throw new HermesError('invalid_value', 'one of stream, channels and patterns is needed')
    }
    const signal = AbortSignal.timeout(durationMs(config.timeout) * 2)
    const client = await connect(signal)
    if (stream !== undefined) return new RedisStream(client, { connect, stream, clock, log })
    return await RedisSubscription.open(client, { channels, patterns, clock, log }, signal)
  },
}
