import type { HookHeaders, HookHost } from './hook-host.ts'
import { refPush } from './ref-push.ts'
import { header, hmac, isSame } from './signature.ts'

const addresses = ['repository.clone_url', 'repository.ssh_url', 'repository.html_url']

/** Gitea and Forgejo: the signature is over the payload, before a form is made of it. Both also speak as GitHub. */
export const gitea: HookHost = {
  name: 'gitea',
  recognises: (headers) => either(headers, 'event') !== '',
  isSigned: ({ headers, payload }, secret) => isSame(either(headers, 'signature'), hmac(secret, payload, 'hex')),
  read: (headers, payload) =>
    either(headers, 'event') === 'push' ? refPush(payload, addresses, 'repository.default_branch') : 'other',
}

/** Forgejo's own header decides where it is sent. */
function either(headers: HookHeaders, name: 'event' | 'signature'): string {
  return header(headers, `x-forgejo-${name}`) || header(headers, `x-gitea-${name}`)
}
