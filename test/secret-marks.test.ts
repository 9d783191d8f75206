import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { secretStore } from '../src/manifest/secrets.ts'
import { secretMarks } from '../src/secret-marks.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hermes-marks-'))
})
afterEach(() => rm(home, { recursive: true }))

/** As a process would make them that begins now. */
function marksWith(values: Readonly<Record<string, string>>, keyFile = join(home, 'data', 'secret-marks.key')) {
  const variables = Object.entries(values).map(([name, value]) => [`HERMES_SECRET_${name}`, value])
  return secretMarks({ secrets: secretStore({ environment: Object.fromEntries(variables) }), keyFile })
}

const of = (values: Readonly<Record<string, string>>, names = ['A', 'B']) => marksWith(values).of(names)

describe('the mark of secrets', () => {
  it('is the same in a later process as long as their values are, in whatever order they are named', () => {
    const mark = marksWith({ A: 'one', B: 'two' }).of(['A', 'B'])
    expect(mark).toMatch(/^[\w-]{6}\.[\w-]{11}$/)
    const later = marksWith({ A: 'one', B: 'two', C: 'three' })
    expect([later.of(['B', 'A', 'B']), later.areOthers(mark ?? '', ['B', 'A'])]).toEqual([mark, false])
    expect(marksWith({ A: 'one', B: 'new' }).areOthers(mark ?? '', ['A', 'B'])).toBe(true)
  })

  it('is another one for another value, another name, or none', () => {
    const marks = [
      of({ A: 'one', B: 'two' }),
      of({ A: 'one', B: 'three' }),
      of({ A: 'two', B: 'one' }),
      of({ A: 'onetwo', B: '' }),
      of({ A: 'one' }),
      of({}),
      of({ A: 'one', B: 'two' }, ['A']),
    ]
    expect(new Set(marks).size).toBe(marks.length)
    expect(of({ A: 'one' }, [])).toBeUndefined()
  })

  it('cannot be made without the key, which only this user reads', async () => {
    const file = join(home, 'data', 'secret-marks.key')
    const mark = marksWith({ A: 'one' }).of(['A']) ?? ''
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readFile(file)).length).toBe(32)
    const another = marksWith({ A: 'one' }, join(home, 'other.key'))
    expect(another.of(['A'])).not.toBe(mark)
    expect(another.of(['A'])?.split('.')[1]).not.toBe(mark.split('.')[1])
  })

  it('says nothing to who has another key: two services on one database do not wake each other', () => {
    const mark = marksWith({ A: 'one' }, join(home, 'other.key')).of(['A']) ?? ''
    expect(marksWith({ A: 'two' }).areOthers(mark, ['A'])).toBe(false)
    expect(marksWith({ A: 'two' }).areOthers('', ['A'])).toBe(false)
  })

  it('is there with a damaged key too, and where none can be kept', async () => {
    const file = join(home, 'damaged.key')
    await writeFile(file, 'short', { mode: 0o644 })
    await chmod(file, 0o644)
    const mark = marksWith({ A: 'one' }, file).of(['A'])
    expect(marksWith({ A: 'one' }, file).of(['A'])).toBe(mark)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const marks = marksWith({ A: 'one' }, join(file, 'none.key'))
    expect(marks.of(['A'])).toBe(marks.of(['A']))
  })
})
