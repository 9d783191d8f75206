import { isAbsolute, join, relative } from 'node:path'
import type { Location } from '../errors.ts'

/** `manifests/quotes.yaml:12:7`, so that an editor or a terminal can follow it. */
export function placeText(at: Location, root: string | undefined): string {
  return `${joinedPath(at.file, root)}:${at.line}:${at.column}`
}

/** The path of a file that is named relative to `root`. */
export function joinedPath(file: string, root: string | undefined): string {
  return root === undefined || isAbsolute(file) ? file : join(root, file)
}

/** A path as the user would write it: relative to where they stand, unless that leads far away. */
export function shownPath(path: string, cwd: string): string {
  const near = relative(cwd, path)
  return near === '' ? '.' : near.startsWith('..') ? path : near
}
