import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { onEvents } from '../../src/connectors/sources/directory-events.ts'

let root: string
let folder: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hermes-events-'))
  folder = join(root, 'logs')
  await mkdir(folder)
})
afterEach(() => rm(root, { recursive: true }))

/** Listens to a name in the directory, and notes what it is told. */
function listen(name: string) {
  const told: string[] = []
  const listener = { changed: () => void told.push('changed'), ended: () => void told.push('ended') }
  return { told, events: onEvents(join(folder, name), listener) }
}

// How an own name is told of, and that nothing else is, differs elsewhere.
describe.skipIf(process.platform !== 'linux')('events of one directory', () => {
  it('reach those alone who wait for the name', async () => {
    const [one, same, other] = [listen('a.log'), listen('a.log'), listen('b.log')]
    await writeFile(join(folder, 'a.log'), 'a\n')
    await expect.poll(() => [one.told[0], same.told[0]]).toEqual(['changed', 'changed'])
    expect(other.told).toEqual([])
    await writeFile(join(folder, 'b.log'), 'b\n')
    await expect.poll(() => other.told[0]).toBe('changed')
    for (const { events } of [one, same, other]) events[Symbol.dispose]()
  })

  it('go on for others when one has heard enough', async () => {
    const [one, other] = [listen('a.log'), listen('a.log')]
    one.events[Symbol.dispose]()
    one.events[Symbol.dispose]()
    await writeFile(join(folder, 'a.log'), 'a\n')
    await expect.poll(() => other.told[0]).toBe('changed')
    expect(one.told).toEqual([])
    other.events[Symbol.dispose]()
    const before = other.told.length
    await appendFile(join(folder, 'a.log'), 'b\n')
    await delay(50)
    expect(other.told).toHaveLength(before)
  })

  it('end when the directory is moved or removed, and begin anew with the one in its place', async () => {
    const [one, other] = [listen('a.log'), listen('b.log')]
    await rename(folder, `${folder}.old`)
    await expect.poll(() => [one.told, other.told]).toEqual([['ended'], ['ended']])
    await mkdir(folder)
    const late = listen('a.log')
    one.events[Symbol.dispose]()
    await writeFile(join(folder, 'a.log'), 'a\n')
    await expect.poll(() => late.told[0]).toBe('changed')
    expect(one.told).toEqual(['ended'])
    await rm(folder, { recursive: true })
    await expect.poll(() => late.told.at(-1)).toBe('ended')
    expect(() => listen('a.log')).toThrow('ENOENT')
    for (const { events } of [other, late]) events[Symbol.dispose]()
  })
})
