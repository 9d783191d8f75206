import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))

/** Packages that a file loads by itself: imports of types and imports on demand do not count. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set()
  seen.add(file)
  const packages = new Set<string>()
  const statements = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)(?! type)[^'\n]*(?:\n[^']*?)?from '([^']+)'/gm,
  )
  for (const [, target = ''] of statements) {
    if (target.startsWith('.')) for (const each of packagesOf(join(dirname(file), target), seen)) packages.add(each)
    else if (!target.startsWith('node:')) packages.add(target)
  }
  return packages
}

/** What a command loads is most of the time it takes: these answer at once, so they load next to nothing. */
it.each(['main.ts', 'status.ts', 'cli/verbs/list.ts', 'cli/verbs/get.ts', 'cli/verbs/run.ts', 'cli/verbs/plan.ts'])(
  '%s loads no package but commander',
  (file) => {
    expect([...packagesOf(join(src, file))].filter((name) => name !== 'commander')).toEqual([])
  },
)

it('what they would have to load is found', () => {
  expect([...packagesOf(join(src, 'service/start-service.ts'))]).toContain('fastify')
})
