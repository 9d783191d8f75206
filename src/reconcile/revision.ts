/** A revision as people read it: `sha256:3f2c1a9…` → `3f2c1a9`, `main@sha1:3f2c1a9…` → `main@3f2c1a9`. */
export function shortRevision(revision: string): string {
  const match = /^(?:(?<branch>[^@]+)@)?(?:sha\d+:)?(?<id>[0-9a-f]{12,})$/.exec(revision)
  if (match?.groups === undefined) return revision
  const id = (match.groups['id'] ?? '').slice(0, 7)
  return match.groups['branch'] === undefined ? id : `${match.groups['branch']}@${id}`
}
