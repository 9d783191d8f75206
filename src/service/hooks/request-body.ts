import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'

/** Memory that bodies share while they are read. */
export interface BodyBudget {
  /** Bytes held just now. */
  used: number
  readonly most: number
}

/** A sender has so long for a body. */
const SLOWEST_MS = 30_000

/** Made once: each request ends its own waiting. */
const over = new Error('the body was read')

/**
 * The whole body of a request. Throws `webhook_too_large` as soon as that shows, `webhook_busy` when all bodies together
 * are too much, and `request_invalid` when it does not come to its end; then the rest is not read.
 */
export async function readBody(
  stream: IncomingMessage,
  maxBytes: number,
  budget: BodyBudget,
  clock: Clock,
): Promise<Uint8Array> {
  if (Number(stream.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const chunks: Uint8Array[] = []
  let length = 0
  let ended = false
  const onData = (chunk: Uint8Array): void => {
    chunks.push(chunk)
    length += chunk.length
    budget.used += chunk.length
    if (length > maxBytes) reject(tooLarge(maxBytes))
    else if (budget.used > budget.most) reject(overBudget())
  }
  const onBroken = (): void => {
    if (!ended) reject(new HermesError('request_invalid', 'the body did not come to its end'))
  }
  const onEnd = (): void => {
    ended = true
    resolve()
  }
  const done = new AbortController()
  const late = clock.sleep(SLOWEST_MS, done.signal).then(onBroken, () => undefined)
  stream.on('data', onData).once('end', onEnd).once('close', onBroken).once('error', onBroken)
  try {
    await promise
  } catch (error) {
    stream.pause()
    throw error
  } finally {
    stream.off('data', onData).off('end', onEnd).off('close', onBroken)
    budget.used -= length
    done.abort(over)
    await late
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)
}

function tooLarge(maxBytes: number): HermesError {
  return new HermesError('webhook_too_large', `the body has more than ${maxBytes} bytes`)
}

function overBudget(): HermesError {
  const details = { retryAfterMs: 1_000 }
  return new HermesError('webhook_busy', 'too many large bodies are under way', details)
}
