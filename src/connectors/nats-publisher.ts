import type { MsgHdrs } from '@nats-io/transport-node'
import { HermesError } from '../errors.ts'
import type { NatsClient } from './nats-client.ts'

/** One message for a stream. */
export interface Publication {
  readonly subject: string
  readonly payload: Uint8Array
  readonly headers?: MsgHdrs
}

/** What came of a message that is not in the stream. */
export interface PublishFailure {
  readonly reason: string
  readonly retryable: boolean
  /** It says nothing of the message: the stream is full, or the server cannot store now. */
  readonly isOfServer?: true
}

/** Not all at once: a server keeps what it has not stored in memory, and drops what is too much. */
const IN_FLIGHT = 1_000

interface Answer {
  readonly seq?: number
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string }
}

/** The status of an answer when nobody listens to the subject. */
const NO_STREAM = 503

/** Codes of errors that depend on the state of the stream, though the API calls them the client's: it is full. */
const stateCodes = new Set([10_077, 10_047, 10_023])

/**
 * Publishes messages to JetStream, many in flight, by one subscription for all answers. Resolves when each is answered
 * for; failures stand at the place of their message. Messages without an answer, because the connection was lost or the
 * time is over, may be tried again. `onStored` is told where in the stream each of the others is. Throws `connector_unavailable` when none was answered.
 */
export async function publishAll(
  client: NatsClient,
  publications: readonly Publication[],
  inbox: string,
  signal: AbortSignal,
  onStored?: (place: number, sequence: number) => void,
): Promise<readonly (PublishFailure | undefined)[]> {
  const failures: (PublishFailure | undefined)[] = publications.map(() => undefined)
  const open = new Set<number>()
  let sent = 0
  let answered = 0
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
  const fill = (): void => {
    for (; sent < publications.length && open.size < IN_FLIGHT; sent++) {
      const { subject, payload, headers } = publications[sent] as Publication
      open.add(sent)
      client.vendor.publish(subject, payload, {
        reply: `${inbox}.${sent}`,
        ...(headers === undefined ? {} : { headers }),
      })
    }
    if (answered === publications.length) finish()
  }
  const subscription = client.vendor.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      const place = error === null ? Number(message.subject.slice(inbox.length + 1)) : Number.NaN
      if (!open.delete(place)) return
      const answer = answerOf(message.headers?.code, message.data)
      failures[place] = failureOf(answer)
      if (answer.error === undefined) onStored?.(place, answer.seq ?? 0)
      answered += 1
      fill()
    },
  })
  const forget = client.onLost(finish)
  try {
    fill()
    await client.inTime(finished, signal)
  } catch (error) {
    if (answered === 0 || !(error instanceof HermesError)) throw error
  } finally {
    forget()
    if (!client.vendor.isClosed()) subscription.unsubscribe()
  }
  if (answered === 0) throw new HermesError('connector_unavailable', `${client.name}: no message was answered for`)
  const lost = { reason: `${client.name} did not answer for it`, retryable: true }
  for (let place = 0; place < publications.length; place++) {
    if (place >= sent || open.has(place)) failures[place] = lost
  }
  return failures
}

function answerOf(status: number | undefined, data: Uint8Array): Answer {
  if (status === NO_STREAM) return { error: { code: status, description: 'no stream takes its subject now' } }
  return JSON.parse(new TextDecoder().decode(data)) as Answer
}

function failureOf({ error }: Answer): PublishFailure | undefined {
  if (error === undefined) return undefined
  const { code = 500, err_code: errorCode = 0, description = 'the stream refused it' } = error
  // That no stream takes a subject may be a matter of this subject alone.
  if (stateCodes.has(errorCode) || (code >= 500 && code !== NO_STREAM)) {
    return { reason: description, retryable: true, isOfServer: true }
  }
  return { reason: description, retryable: code === NO_STREAM }
}
