import { HermesError } from '../../errors.ts'
import { isSameRepository, repositoryAddress } from '../../observe/repository-address.ts'
import type { Delivery, Push } from './hook-host.ts'
import { hosts } from './hosts.ts'

/** What is watched. */
export interface Watched {
  /** Address of the repository. */
  readonly repository: string
  /** Undefined: its default branch. */
  readonly ref: { readonly branch: string } | { readonly tag: string } | { readonly commit: string } | undefined
}

/** What a webhook comes to. */
export type Verdict =
  | { readonly kind: 'ping'; readonly host: string }
  | { readonly kind: 'wakes'; readonly host: string; readonly refs: readonly string[] }
  | { readonly kind: 'ignored'; readonly host: string; readonly reason: string }

/**
 * Whether a webhook tells of a push to what is watched. Throws `unauthorized` when it is not signed with the secret,
 * without telling what is wrong with it, and `request_invalid` when it is but cannot be read. Pure.
 */
export function judge(delivery: Delivery, secret: string, watched: Watched): Verdict {
  const host = hosts.find((each) => each.recognises(delivery.headers))
  if (host?.isSigned(delivery, secret) !== true) throw unsigned()
  const event = host.read(delivery.headers, parsed(delivery.payload))
  const { name } = host
  if (event === undefined) throw new HermesError('request_invalid', `the push of ${name} names no repository or no ref`)
  if (event === 'ping') return { kind: 'ping', host: name }
  if (event === 'other') return { kind: 'ignored', host: name, reason: 'it is no push' }
  const reason = isElsewhere(event, watched)
  return reason === undefined
    ? { kind: 'wakes', host: name, refs: event.refs }
    : { kind: 'ignored', host: name, reason }
}

/** Why the push is not to what is watched; undefined when it is. */
function isElsewhere(push: Push, { repository, ref }: Watched): string | undefined {
  const here = repositoryAddress(repository)
  const there = push.repositories.map(repositoryAddress)
  if (!there.some((address) => isSameRepository(address, here))) return 'it is another repository'
  return push.refs.some((each) => isWatched(each, ref, push)) ? undefined : 'it is another branch or tag'
}

/** A commit does not move: no push changes what it is. */
function isWatched(pushed: string, ref: Watched['ref'], { defaultBranch }: Push): boolean {
  if (ref === undefined) {
    return defaultBranch === undefined ? pushed.startsWith('refs/heads/') : pushed === `refs/heads/${defaultBranch}`
  }
  if ('branch' in ref) return pushed === `refs/heads/${ref.branch}`
  return 'tag' in ref && pushed === `refs/tags/${ref.tag}`
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch (error) {
    throw new HermesError('request_invalid', 'the webhook holds no JSON', { cause: error })
  }
}

function unsigned(): HermesError {
  return new HermesError('unauthorized', 'the webhook is not signed as it must be', {
    fix: 'Give the Git host the secret that the service has.',
  })
}
