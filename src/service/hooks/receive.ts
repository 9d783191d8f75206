import type { Clock } from '../../clock.ts'
import { HermesError } from '../../errors.ts'
import type { Delivery, HookHeaders } from './hook-host.ts'
import { judge, type Verdict, type Watched } from './judge.ts'
import { paced } from './pace.ts'

/** Push webhooks: whose they are taken, and what they set going. */
export interface Hooks extends Watched {
  /** What the Git host signs with; asked at every webhook. Undefined or empty: webhooks are off. */
  secret(): string | undefined
  /** Has the repository looked at. Once too often does no harm. */
  wake(): void
}

/** Takes a webhook; throws `webhook_off`, `webhook_encoded`, `unauthorized` or `request_invalid`. */
export type ReceiveHook = (headers: HookHeaders, body: Uint8Array) => Verdict

/** A repository is looked at once a second at most, and of a long burst of pushes only at its begin and its end. */
const pace = { everyMs: 1_000, quietMs: 500, mostMs: 10_000 }

/** Wakes for every webhook that tells of a push to what is watched, until `stopping` aborts. */
export function hookReceiver(hooks: Hooks, clock: Clock, stopping: AbortSignal): ReceiveHook {
  const wake = paced(() => hooks.wake(), pace, clock, stopping)
  return (headers, body) => {
    const secret = hooks.secret()
    if (secret === undefined || secret === '') throw new HermesError('webhook_off', 'webhooks have no secret')
    refuseEncoded(headers['content-encoding'])
    const verdict = judge(deliveryOf(headers, body), secret, hooks)
    if (verdict.kind === 'wakes') wake()
    return verdict
  }
}

function refuseEncoded(encoding: string | readonly string[] | undefined): void {
  const name = String(encoding ?? 'identity').slice(0, 40)
  if (/^(identity)?$/i.test(name.trim())) return
  throw new HermesError('webhook_encoded', `a webhook with the encoding ${JSON.stringify(name)} is not accepted`)
}

function deliveryOf(headers: HookHeaders, body: Uint8Array): Delivery {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(String(headers['content-type'] ?? ''))
  // curl calls everything a form that it is given without a type.
  return { headers, body, payload: (isForm ? new URLSearchParams(text).get('payload') : undefined) ?? text }
}
