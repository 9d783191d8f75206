/** What a header name may be. */
export const headerNamePattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

/** Names of headers that prove who asks; what some hosts want against forged forms is no secret. */
const secretHeaders =
  '^(proxy-)?authorization$|^cookie$|(^|[-_])(?<!(csrf|xsrf|atlassian)[-_])(token|secret|password)$|' +
  '(^|[-_])(api|access|auth|secret|private|subscription)[-_]?key$'

/** Headers by name, of a Connection, a source or a sink. */
export const headersSchema = {
  type: 'object',
  description:
    'What proves who asks (Authorization, Cookie, X-Api-Key, …-Token) only from a secret: `${secrets.NAME}`.',
  propertyNames: { pattern: headerNamePattern },
  additionalProperties: { type: 'string', 'x-template': true, 'x-secret': true },
  'x-secret-fields': secretHeaders,
} as const
