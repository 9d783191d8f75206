import type { HookHost, Push } from './hook-host.ts'
import { listAt, textAt, textsAt } from './payload.ts'
import { header, hmac, isSame } from './signature.ts'

/** Bitbucket Cloud (`repo:push`) and Data Center (`repo:refs_changed`); neither tells the default branch. */
export const bitbucket: HookHost = {
  name: 'bitbucket',
  recognises: (headers) => headers['x-event-key'] !== undefined,
  isSigned: ({ headers, body }, secret) =>
    isSame(header(headers, 'x-hub-signature'), `sha256=${hmac(secret, body, 'hex')}`),
  read: (headers, payload) => {
    switch (header(headers, 'x-event-key')) {
      case 'repo:push':
        return push(payload, listAt(payload, 'push.changes').flatMap(cloudRef))
      case 'repo:refs_changed':
        return push(payload, listAt(payload, 'changes').flatMap(dataCenterRef))
      case 'diagnostics:ping':
        return 'ping'
      default:
        return 'other'
    }
  },
}

function push(payload: unknown, refs: readonly string[]): Push | undefined {
  const clones = listAt(payload, 'repository.links.clone').flatMap((link) => textsAt(link, ['href']))
  const repositories = [...textsAt(payload, ['repository.links.html.href']), ...clones]
  return repositories.length === 0 || refs.length === 0 ? undefined : { repositories, refs }
}

/** `new` is null where the ref was deleted, `old` where it was created. */
function cloudRef(change: unknown): readonly string[] {
  const side = textAt(change, 'new.name') === undefined ? 'old' : 'new'
  const name = textAt(change, `${side}.name`)
  const kind = textAt(change, `${side}.type`) === 'tag' ? 'tags' : 'heads'
  return name === undefined ? [] : [`refs/${kind}/${name}`]
}

function dataCenterRef(change: unknown): readonly string[] {
  return textsAt(change, ['ref.id'])
}
