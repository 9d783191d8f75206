import { posix } from 'node:path'
import type { Problem } from '../../manifest/manifest.ts'
import { problem, startOf } from '../../manifest/problem.ts'
import { isIgnored, isManifestFile } from '../walk.ts'
import type { TreeEntry } from './tree.ts'

/** A manifest of a commit: where its content is, or why it has none. */
export interface Found {
  readonly name: string
  readonly oid: string
  readonly problem?: Problem
}

/** What the manifests of a tree are. */
export interface Resolved {
  readonly found: readonly Found[]
  /** Of directories whose manifests cannot be told: submodules, links to directories elsewhere. */
  readonly problems: readonly Problem[]
  /** Links that nothing below the path explains: by name where each leads, relative to the path; undefined for nowhere. */
  readonly unsure: ReadonlyMap<string, string | undefined>
}

/** As many links are followed on the way to one file. */
const MOST_LINKS = 20

/**
 * The manifests among the files of a tree. A link that is named like a manifest counts as the manifest below the path
 * that it leads to; nothing else is read through links. A directory below the path is read where it lies, once.
 */
export function resolveLinks(files: ReadonlyMap<string, TreeEntry>, targets: ReadonlyMap<string, string>): Resolved {
  const found: Found[] = []
  const problems: Problem[] = []
  const unsure = new Map<string, string | undefined>()
  let directories: ReadonlySet<string> | undefined
  for (const { name, mode, oid } of files.values()) {
    if (mode === '160000') problems.push(problem('git_submodule', `${name} is a submodule`, startOf(name)))
    else if (mode !== '120000') found.push({ name, oid })
    else {
      const end = follow(name, targets)
      const target = end === undefined ? undefined : files.get(end)
      if (isManifestFile(posix.basename(name))) found.push(foundBehind(name, oid, target, targets))
      else if (target === undefined || target.mode === '160000') {
        directories ??= directoriesOf(files)
        if (end === undefined || !directories.has(end)) unsure.set(name, end)
      }
    }
  }
  return { found, problems, unsure }
}

/**
 * Whether a link may hide manifests; `mode` is of what the commit has where the link leads. It does not when that is a
 * file, or a directory that is read where it lies, nor when it is nothing and the link's name is that of a file.
 */
export function mayHideManifests(name: string, end: string | undefined, mode: string | undefined): boolean {
  if (end === undefined || mode === undefined || mode === '120000') return !posix.basename(name).includes('.')
  // Hidden names are not read, and out of the path leads only one that begins with `..`.
  return mode === '160000' || (mode === '040000' && end.split('/').some(isIgnored))
}

function foundBehind(
  name: string,
  oid: string,
  target: TreeEntry | undefined,
  targets: ReadonlyMap<string, string>,
): Found {
  const isFile = target !== undefined && target.mode !== '160000' && target.mode !== '120000'
  return isFile ? { name, oid: target.oid } : { name, oid, problem: linkProblem(name, targets) }
}

/** Where a link leads in the end, through links on the way; undefined for an absolute one, and for one without an end. */
function follow(name: string, targets: ReadonlyMap<string, string>): string | undefined {
  let at: string[] = []
  let rest = name.split('/')
  for (let count = 0; rest.length > 0; ) {
    const [part = '', ...after] = rest
    rest = after
    if (part === '' || part === '.') continue
    const next = part === '..' && at.at(-1) !== '..' && at.length > 0 ? at.slice(0, -1) : [...at, part]
    const target = targets.get(next.join('/'))
    if (target === undefined) at = next
    else {
      count += 1
      if (count > MOST_LINKS || target === '' || target.startsWith('/')) return undefined
      rest = [...target.split('/'), ...rest]
    }
  }
  return at.join('/')
}

/** Those that hold anything that may matter; the root is the empty name. */
function directoriesOf(files: ReadonlyMap<string, TreeEntry>): ReadonlySet<string> {
  const found = new Set([''])
  for (const name of files.keys()) {
    for (let at = name.lastIndexOf('/'); at > 0; at = name.lastIndexOf('/', at - 1)) found.add(name.slice(0, at))
  }
  return found
}

export function linkProblem(name: string, targets: ReadonlyMap<string, string>): Problem {
  const target = JSON.stringify(targets.get(name) ?? '')
  return problem(
    'git_link',
    `${name} is a symbolic link to ${target}, which is no manifest below the path`,
    startOf(name),
  )
}
