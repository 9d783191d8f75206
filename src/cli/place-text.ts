import { isAbsolute, join, relative } from 'node:path'
import type { Config } from '../config.ts'
import type { Location } from '../errors.ts'
import { isAddress, placeOf } from '../place.ts'

/** `manifests/quotes.yaml:12:7`, so that an editor or a terminal can follow it; an address as it is. */
export function placeText(at: Location, root: string | undefined): string {
  return placeOf({ ...at, file: joinedPath(at.file, root) }, true)
}

/** The path of a file that is named relative to `root`; an address as it is. */
export function joinedPath(file: string, root: string | undefined): string {
  return root === undefined || isAbsolute(file) || isAddress(file) ? file : join(root, file)
}

/** What places are relative to: a directory in the repository of the settings, or the manifests directory. */
export function placesRoot({ git, manifestsDir }: Pick<Config, 'git' | 'manifestsDir'>, cwd: string): string {
  return git === undefined ? shownPath(manifestsDir, cwd) : git.path
}

/** A path as the user would write it: relative to where they stand, unless that leads far away. */
export function shownPath(path: string, cwd: string): string {
  const near = relative(cwd, path)
  return near === '' ? '.' : near.startsWith('..') ? path : near
}
