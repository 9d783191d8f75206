import type { HookHost } from './hook-host.ts'
import { refPush } from './ref-push.ts'
import { header, hmac, isSame } from './signature.ts'

/** Anything that can sign: `X-Hermes-Signature` over the body `{"repository": URL, "ref": "refs/heads/main"}`. */
export const generic: HookHost = {
  name: 'generic',
  recognises: (headers) => headers['x-hermes-signature'] !== undefined,
  isSigned: ({ headers, body }, secret) =>
    isSame(header(headers, 'x-hermes-signature'), `sha256=${hmac(secret, body, 'hex')}`),
  read: (_headers, payload) => refPush(payload, ['repository'], 'defaultBranch'),
}
