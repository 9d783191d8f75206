import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeOnly, cycles, importsOf, readSources, root, type SourceFile, walk } from './architecture.ts'
import {
  barrels,
  catchAllNames,
  entangledConnectors,
  forbiddenImports,
  forbiddenPackages,
  forbiddenSyntax,
  processUsers,
  tooLong,
} from './architecture-rules.ts'

const source = readSources('src')
const everything = ['src', 'test', 'bench', 'build', 'examples'].flatMap(readSources)

describe('the house', () => {
  it('imports between folders follow the table of the design', () => {
    expect(source.length).toBeGreaterThan(15)
    expect(forbiddenImports(source)).toEqual([])
  })

  it('keeps vendor libraries in the folders they belong to', () => {
    expect(forbiddenPackages(source)).toEqual([])
  })

  it('has no cycles', () => expect(cycles(source)).toEqual([]))

  it('keeps connectors apart from one another', () => expect(entangledConnectors(source)).toEqual([]))

  it('touches process in the two bins and the entry of the library only', () =>
    expect(processUsers(source)).toEqual([]))

  it('does without default exports, enums, namespaces and any', () => expect(forbiddenSyntax(source)).toEqual([]))

  it('has no barrels and no catch-all names', () => {
    expect(barrels(source)).toEqual([])
    expect(catchAllNames(everything)).toEqual([])
  })

  it('has no file over 400 lines', () => expect(tooLong(everything, 400)).toEqual([]))

  it('names no path of a machine', () => {
    const homes = new RegExp(
      ['work/', 'root/', 'home/[a-z]', 'Users/[a-z]'].map((home) => `(?<![\\w.$}/-])/${home}`).join('|'),
    )
    const texts = ['src', 'test', 'bench', 'build', 'examples', 'docs', 'bin', '.ci', 'manifests', 'schemas'].flatMap(
      walk,
    )
    const own = 'test/architecture.test.ts'
    const found = texts.filter((path) => path !== own && homes.test(readFileSync(join(root, path), 'utf8')))
    expect(found).toEqual([])
  })

  it('has a lockfile that npm ci takes, with integrity and without a registry host', () => {
    const text = readFileSync(join(root, 'package-lock.json'), 'utf8')
    expect(text.match(/"resolved"|registry\.|npmjs|npmmirror|yarnpkg/g)).toBeNull()
    const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> }
    // npm left out what tools have for other platforms; it was added by name and version, so there is no integrity.
    const here = Object.entries(packages).filter(([name, { optional, os }]) => name !== '' && !(optional && os))
    expect(here.length).toBeGreaterThan(100)
    expect(here.filter(([, { integrity }]) => integrity === undefined)).toEqual([])
    const wanted = Object.values(packages).flatMap((each) => Object.keys(each.optionalDependencies ?? {}))
    const there = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
    expect(wanted.filter((name) => !there.has(name))).toEqual([])
  })
})

interface LockedPackage {
  readonly integrity?: string
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const file = (path: string, text: string): SourceFile => ({ path, text })

describe('the rules themselves', () => {
  it('see every way to import', () => {
    const text = [
      "import { a,\n  b } from './a.ts'",
      "import type { C } from '../reconcile/c.ts'",
      "import { type D, type E } from './d.ts'",
      "import './side-effect.ts'",
      "export * from './e.ts'",
      "const late = await import('./late.ts')",
      "new Worker(new URL('./worker.ts', import.meta.url))",
      "// import { x } from './comment.ts'",
      'const text = "import { y } from \'./no.ts\'"',
    ].join('\n')
    expect(importsOf(file('src/store/x.ts', text)).map((each) => [each.target, each.typeOnly])).toEqual([
      ['src/store/a.ts', false],
      ['src/reconcile/c.ts', true],
      ['src/store/d.ts', true],
      ['src/store/e.ts', false],
      ['src/store/side-effect.ts', false],
      ['src/store/late.ts', false],
      ['src/store/worker.ts', false],
    ])
  })

  it.each([
    ['src/store/x.ts', "import { y } from '../stream/y.ts'", 1],
    ['src/store/x.ts', "import { y } from '../clock.ts'", 0],
    ['src/reconcile/x.ts', "import { y } from '../origin/y.ts'", 1],
    ['src/reconcile/x.ts', "import type { Y } from '../origin/y.ts'", 0],
    ['src/connectors/sources/x.ts', "import { y } from '../../manifest/expression.ts'", 0],
    ['src/connectors/sources/x.ts', "import { y } from '../../manifest/reader.ts'", 1],
    ['src/connectors/sources/x.ts', "import type { Y } from '../../resources/y.ts'", 1],
    ['src/cli/x.ts', "import { y } from '../store/y.ts'", 1],
    ['src/cli/x.ts', "import { y } from '../hermes.ts'", 0],
    ['src/service/x.ts', "import { y } from '../hermes.ts'", 1],
    ['src/errors.ts', "import { y } from './store/y.ts'", 1],
    ['src/strange/x.ts', "import { y } from '../store/y.ts'", 1],
  ])('%s with %s breaks the table %i times', (path, text, times) => {
    expect(forbiddenImports([file(path, text)])).toHaveLength(times)
  })

  it.each([
    ['src/stream/x.ts', "import { Cron } from 'croner'", 1],
    ['src/stream/x.ts', "import { hash } from 'node:crypto'", 0],
    ['src/service/x.ts', "import pg from 'pg'", 1],
    ['src/observe/x.ts', "import { DatabaseSync } from 'node:sqlite'", 1],
    ['src/store/x.ts', "import { sql } from 'kysely'", 0],
  ])('%s with %s takes a package it may not have %i times', (path, text, times) => {
    expect(forbiddenPackages([file(path, text)])).toHaveLength(times)
  })

  it('see cycles, type imports among them, and no others', () => {
    const a = file('src/a.ts', "import type { B } from './b.ts'")
    const b = file('src/b.ts', "import { c } from './c.ts'")
    const c = file('src/c.ts', "import { a } from './a.ts'")
    expect(cycles([a, b, c])).toEqual(['src/a.ts → src/b.ts → src/c.ts → src/a.ts'])
    expect(cycles([a, b])).toEqual([])
  })

  it('see connectors that import one another', () => {
    const registry = file('src/connectors/index.ts', "import { a } from './a.ts'\nimport { b } from './b.ts'")
    const a = file('src/connectors/a.ts', "import { b } from './b.ts'")
    expect(entangledConnectors([registry, a, file('src/connectors/b.ts', '')])).toHaveLength(1)
  })

  it.each([
    ['const a = process.env.A', 1],
    ['const { env } = process', 1],
    ['const a = `${process.pid}`', 1],
    ["import { env } from 'node:process'", 1],
    ['globalThis.process.exit()', 1],
    ["import { spawn } from 'node:child_process'", 0],
    ["const text = 'in this process'", 0],
    ['// the process ends\nconst batch = { process: 1 }; batch.process = 2', 0],
  ])('%s touches process %i times', (text, times) => {
    expect(processUsers([file('src/x.ts', text)])).toHaveLength(times)
  })

  it.each([
    ['export default {}', 1],
    ['export enum A { B }', 1],
    ['namespace A {}', 1],
    ['const a: any = 1', 1],
    ['const a = b as any', 1],
    ["const enumerable = 'enum A'; const company: string = ''", 0],
    ['const pattern = /export default/', 0],
  ])('%s breaks the syntax rules %i times', (text, times) => {
    expect(forbiddenSyntax([file('src/x.ts', text)])).toHaveLength(times)
  })

  it('see barrels, catch-all names and long files', () => {
    expect(barrels([file('src/x.ts', "// all\nexport * from './a.ts'\nexport { b } from './b.ts'\n")])).toHaveLength(1)
    expect(barrels([file('src/x.ts', "export * from './a.ts'\nexport const a = 1\n"), file('src/y.ts', '')])).toEqual(
      [],
    )
    const names = ['src/utils.ts', 'src/lib/a.ts', 'src/store/types.ts', 'src/store/column-type.ts']
    expect(catchAllNames(names.map((name) => file(name, '')))).toHaveLength(3)
    expect(tooLong([file('src/x.ts', 'a\n'.repeat(401)), file('src/y.ts', 'a\n'.repeat(400))], 400)).toHaveLength(1)
  })

  it('keep code apart from comments, strings and regular expressions', () => {
    const text = "const a = /['\"]\\/[/]/.test('x') // it's\nconst b = \"//\" + c / d /* ' */\nconst e = `a${f}b`"
    expect(codeOnly(text).replaceAll(/\s+/g, ' ')).toBe("const a = .test('') const b = '' + c / d const e = (f) ")
  })
})
