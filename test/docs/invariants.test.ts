import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSources, root } from '../architecture.ts'

interface Proof {
  readonly file: string
  readonly title: string
}

interface Invariant {
  readonly number: number
  readonly later: boolean
  readonly proofs: readonly Proof[]
}

/** `## 3. Nothing is …` with `- test/x.test.ts: title` below it. */
function parse(text: string): Invariant[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      number: Number.parseInt(section, 10),
      later: /^Not in force yet: /m.test(section),
      proofs: [...section.matchAll(/^- `(test\/[\w./-]+)`: (.+)$/gm)].map((match) => ({
        file: match[1] ?? '',
        title: match[2] ?? '',
      })),
    }))
}

const wrong = ({ file, title }: Proof): boolean =>
  !existsSync(join(root, file)) || !readFileSync(join(root, file), 'utf8').includes(title)

describe('docs/invariants.md', () => {
  const invariants = parse(readFileSync(join(root, 'docs/invariants.md'), 'utf8'))

  it('has the ten invariants, each with its proof', () => {
    expect(invariants.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(invariants.filter(({ later, proofs }) => !later && proofs.length === 0)).toEqual([])
  })

  it('names tests that exist', () => {
    expect(invariants.flatMap(({ proofs }) => proofs).filter(wrong)).toEqual([])
    expect(wrong({ file: 'test/docs/invariants.test.ts', title: ['no', 'such', 'title'].join(' ') })).toBe(true)
    expect(wrong({ file: 'test/docs/absent.test.ts', title: 'x' })).toBe(true)
  })

  it('has each number that is in force cited where the code enforces it', () => {
    const code = readSources('src').map(({ text }) => text)
    const cited = (number: number): boolean => code.some((text) => new RegExp(`[Ii]nvariants? ${number}\\b`).test(text))
    expect(invariants.filter(({ number, later }) => !later && !cited(number)).map(({ number }) => number)).toEqual([])
  })
})
