import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { HermesError } from '../../errors.ts'
import type { InboundRequest } from '../../inbound-routes.ts'
import type { WebhookConfig } from './webhook-config.ts'

/** Who may send: throws `unauthorized`, without telling what is wrong. */
export type Verify = (request: InboundRequest) => void

/**
 * The check that a configuration asks for; undefined where the service is to ask for its token. All comparisons take the
 * same time whatever differs, and where. Throws `connector_refused` for a secret that is empty.
 */
export function verifierOf({ auth }: WebhookConfig): Verify | undefined {
  if (auth === undefined) return undefined
  const { hmac, header } = auth
  if (hmac !== undefined) {
    const { secret, prefix, encoding } = hmac
    const name = hmac.header.toLowerCase()
    refuseEmpty(secret)
    return ({ headers, body }) => {
      const given = spelled(valueOf(headers[name]), prefix, encoding)
      check(given, `${prefix}${createHmac('sha256', secret).update(body).digest(encoding)}`)
    }
  }
  if (header !== undefined) {
    const { value } = header
    const name = header.name.toLowerCase()
    refuseEmpty(value)
    return ({ headers }) => check(valueOf(headers[name]), value)
  }
  return () => undefined
}

function check(given: string, expected: string): void {
  if (timingSafeEqual(digest(given), digest(expected))) return
  throw new HermesError('unauthorized', 'the webhook does not prove who sends it', {
    fix: 'Give the sender the secret that the workflow has.',
  })
}

/** Hexadecimal digits may be large; a prefix is as it is. */
function spelled(given: string, prefix: string, encoding: 'hex' | 'base64'): string {
  if (encoding === 'base64' || !given.startsWith(prefix)) return given
  return `${prefix}${given.slice(prefix.length).toLowerCase()}`
}

/** The only value of a header: one that came twice proves nothing. */
function valueOf(value: string | readonly string[] | undefined): string {
  return typeof value === 'string' ? value : ''
}

function refuseEmpty(secret: string): void {
  if (secret.trim() !== '') return
  throw new HermesError('connector_refused', 'the secret of the webhook is empty: anybody could sign with it')
}

/** Digests have one length, whatever is compared. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
