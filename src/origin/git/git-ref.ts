/** What of a repository is followed; a branch when it moves, a tag or a commit (its full id) when it should not. */
export type GitRef = { readonly branch: string } | { readonly tag: string } | { readonly commit: string }

/** A commit, and how it was come by. */
export interface GitHead {
  readonly commit: string
  /** `main@sha1:<commit>`. */
  readonly revision: string
}

/** What of the other side is asked for. */
export interface GitSource {
  /** What is fetched. */
  readonly source: string
  /** What a revision calls it; undefined for a commit, which has no other name. */
  readonly name: string | undefined
  /** Its commit when that is known beforehand. */
  readonly commit?: string
}

export function sourceOf(ref: GitRef): GitSource {
  if ('branch' in ref) return { source: `refs/heads/${ref.branch}`, name: ref.branch }
  if ('tag' in ref) return { source: `refs/tags/${ref.tag}`, name: ref.tag }
  return { source: ref.commit, name: undefined, commit: ref.commit }
}

/** `main@sha1:<commit>`, as Flux writes it; a commit asked for by its id alone has no name before it. */
export function revisionOf(name: string | undefined, commit: string): string {
  return name === undefined ? `sha1:${commit}` : `${name}@sha1:${commit}`
}
