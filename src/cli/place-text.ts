import { isAbsolute, join, relative } from 'node:path'
import type { Location } from '../errors.ts'

/** `manifests/quotes.yaml:12:7`, so that an editor or a terminal can follow it. */
export function placeText(at: Location, root: string | undefined): string {
  const file = root === undefined || isAbsolute(at.file) ? at.file : join(root, at.file)
  return `${file}:${at.line}:${at.column}`
}

/** A path as the user would write it: relative to where they stand, unless that leads far away. */
export function shownPath(path: string, cwd: string): string {
  const near = relative(cwd, path)
  return near === '' ? '.' : near.startsWith('..') ? path : near
}
