/** A text that may hold a secret. */
export const secret = { type: 'string', minLength: 1, 'x-template': true, 'x-secret': true } as const

/** A text that is nothing but a secret: written out in a manifest it would stand in Git. */
export const secretOnly = {
  ...secret,
  'x-secret-only': '.',
  description: 'Only from a secret: `${secrets.NAME}`.',
} as const

/** For `x-secret-only` of an address: a password in it must be a secret's. */
export const credentialsInUrl = '^[a-z+]+://[^/@]*:[^/@]+@'

/** An address that may hold a secret, and no password that is written out. */
export const secretAddress = { ...secret, 'x-secret-only': credentialsInUrl } as const
