import { readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { Snapshot } from '../../../src/origin/origin.ts'
import { sourceText } from '../../manifest/texts.ts'
import { namesOf } from '../watched-directory.ts'
import { losses, scratches } from './damages.ts'
import { expectKept, prunable } from './in-force.ts'
import type { Upstream } from './upstream.ts'
import { World } from './world.ts'

/** Takes away what a file changes and adds another. */
async function moveOn(upstream: Upstream): Promise<string> {
  return await upstream.commit({ 'a.yaml': undefined, 'c.yaml': sourceText('c') })
}

function expectMovedOn(snapshot: Snapshot, commit: string): void {
  expect(snapshot).toMatchObject({ revision: `main@sha1:${commit}`, problems: [], complete: true })
  expect(namesOf(snapshot)).toEqual(['b', 'c'])
}

describe.each([
  ['that lost something', losses],
  ['that is only scratched', scratches],
])('a clone %s', (_, damages) => {
  test.each(damages)(
    '$name: what is in force stays while it is followed, and the clone is mended',
    async ({ apply }) => {
      await using world = await World.create()
      await apply(world.followed.clone)
      await world.upstream.hide()
      expectKept(world.before, await world.followed.read(), 'git_repository_missing')
      await world.upstream.show()
      const same = await world.followed.read()
      expect(same).toMatchObject({ revision: world.before.revision, manifests: world.before.manifests, problems: [] })
      const commit = await moveOn(world.upstream)
      expectMovedOn(await world.followed.read(), commit)
      expect(world.followed.parsed.toSorted()).toEqual(['a.yaml', 'c.yaml', 'sub/b.yaml'])
    },
  )

  test.each(damages)('$name, at the next start: nothing is pruned, and the clone is mended', async ({ apply }) => {
    await using world = await World.create()
    await world.followed.close()
    await apply(world.followed.clone)
    await world.upstream.hide()
    await using followed = await world.followed.restart()
    const away = await followed.read()
    if (damages === scratches) expectKept(world.before, away, 'git_repository_missing')
    expect(away.problems.map(({ code }) => code)).toEqual(['git_repository_missing'])
    expect(prunable(world.before, away)).toEqual([])
    await world.upstream.show()
    const commit = await moveOn(world.upstream)
    expectMovedOn(await followed.read(), commit)
    expect((await readdir(followed.home)).filter((name) => !name.includes('access'))).toEqual(['clone'])
    await world.upstream.hide()
    await using again = await followed.restart()
    expect(await again.read()).toMatchObject({ revision: `main@sha1:${commit}`, complete: true })
  })
})
