/** A fetch of what is asked for and nothing beside it; its progress tells that the other side is alive. */
export const fetchArgs: readonly string[] = [
  'fetch',
  '--progress',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-recurse-submodules',
  '--no-auto-maintenance',
  '--no-show-forced-updates',
]
