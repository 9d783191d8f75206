/** The headers of a request, their names in lower case. */
export type HookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** A webhook's request as it came. */
export interface Delivery {
  readonly headers: HookHeaders
  /** Every byte of it, undecoded. */
  readonly body: Uint8Array
  /** The JSON in it: the body itself, or the field `payload` of a form. */
  readonly payload: string
}

/** What was pushed to a repository. */
export interface Push {
  /** Addresses that all lead to it. */
  readonly repositories: readonly string[]
  /** What was created, moved or deleted: `refs/heads/main`, `refs/tags/v1`. */
  readonly refs: readonly string[]
  /** Its default branch, where the host tells. */
  readonly defaultBranch?: string
}

/** What a webhook tells: a push, that it works, or anything else that happens at a Git host. */
export type HookEvent = Push | 'ping' | 'other'

/** How the webhooks of one Git host are told apart, checked and read. Pure. */
export interface HookHost {
  readonly name: string
  recognises(headers: HookHeaders): boolean
  /** Whether only somebody who knows the secret can have sent it. Compares in constant time. */
  isSigned(delivery: Delivery, secret: string): boolean
  /** Undefined when the payload lacks what such an event has. */
  read(headers: HookHeaders, payload: unknown): HookEvent | undefined
}
