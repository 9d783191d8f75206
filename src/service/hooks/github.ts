import type { HookHost } from './hook-host.ts'
import { refPush } from './ref-push.ts'
import { header, hmac, isSame } from './signature.ts'

const addresses = ['repository.clone_url', 'repository.ssh_url', 'repository.html_url', 'repository.git_url']

/** GitHub: `X-Hub-Signature-256` is over the body, whichever content type was chosen. */
export const github: HookHost = {
  name: 'github',
  recognises: (headers) => headers['x-github-event'] !== undefined,
  isSigned: ({ headers, body }, secret) =>
    isSame(header(headers, 'x-hub-signature-256'), `sha256=${hmac(secret, body, 'hex')}`),
  read: (headers, payload) => {
    const event = header(headers, 'x-github-event')
    if (event === 'ping') return 'ping'
    return event === 'push' ? refPush(payload, addresses, 'repository.default_branch') : 'other'
  },
}
