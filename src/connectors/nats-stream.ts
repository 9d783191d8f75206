import type { JetStreamManager } from '@nats-io/jetstream'
import { HermesError } from '../errors.ts'
import type { NatsClient } from './nats-client.ts'

const NO_STREAM = 10_059

/** The API of JetStream on a connection. Throws `connector_refused` where the server or the account has none. */
export async function openJetStream(client: NatsClient, signal: AbortSignal): Promise<JetStreamManager> {
  const { jetstreamManager } = await import('@nats-io/jetstream')
  return await client.inTime(jetstreamManager(client.vendor, { timeout: client.timeoutMs }), signal)
}

/** Sees to it that a stream is there. Throws `connector_refused` when it is not, and nobody says of what to make it. */
export async function ensureStream(
  client: NatsClient,
  manager: JetStreamManager,
  { stream, subjects }: { readonly stream: string; readonly subjects?: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const found = manager.streams.info(stream).catch((error: unknown) => {
    if (apiCode(error) !== NO_STREAM) throw error
    return undefined
  })
  if ((await client.inTime(found, signal)) !== undefined) return
  if (subjects === undefined) {
    throw new HermesError('connector_refused', `${client.name}: there is no stream ${stream}`, {
      fix: 'Make it, or give its subjects: it is made then.',
    })
  }
  await client.inTime(manager.streams.add({ name: stream, subjects: [...subjects] }), signal)
}

/** The code by which the API of JetStream tells its errors apart, if it is one of those. */
export function apiCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('apiError' in error)) return undefined
  return (error as { apiError(): { err_code?: number } }).apiError().err_code
}
