import type { Delivery, HookHost } from './hook-host.ts'
import { textAt } from './payload.ts'
import { refPush } from './ref-push.ts'
import { header, hmac, isSame } from './signature.ts'

const fields = ['git_http_url', 'git_ssh_url', 'web_url', 'homepage']
const addresses = fields.flatMap((field) => [`project.${field}`, `repository.${field}`])

/** GitLab: a signing token, whose signature is checked where there is one, or else the secret token itself. */
export const gitlab: HookHost = {
  name: 'gitlab',
  recognises: (headers) => headers['x-gitlab-event'] !== undefined,
  isSigned: (delivery, secret) =>
    delivery.headers['webhook-signature'] === undefined
      ? isSame(header(delivery.headers, 'x-gitlab-token'), secret)
      : hasSignature(delivery, secret),
  read: (_headers, payload) => {
    const kind = textAt(payload, 'object_kind')
    return kind === 'push' || kind === 'tag_push' ? refPush(payload, addresses, 'project.default_branch') : 'other'
  },
}

/** A shorter key would be guessed, and one that is no base64 at all would be empty. */
const LEAST_KEY_BYTES = 16

/** As Standard Webhooks has it: `v1,<base64>`, over id, time and body; several while the token is being replaced. */
function hasSignature({ headers, body }: Delivery, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  if (key.length < LEAST_KEY_BYTES) return false
  const prefix = `${header(headers, 'webhook-id')}.${header(headers, 'webhook-timestamp')}.`
  const expected = `v1,${hmac(key, Buffer.concat([Buffer.from(prefix), body]), 'base64')}`
  return header(headers, 'webhook-signature')
    .split(' ')
    .some((given) => isSame(given, expected))
}
