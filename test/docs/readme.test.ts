import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../architecture.ts'
import { createDatabase, databaseName, databaseUrl, dropDatabase, reachable } from '../store/homes.ts'
import { checkout, freePort } from './checkout.ts'
import { missing, stepsOf } from './doc-page.ts'
import { DocShell } from './doc-shell.ts'

const pages = ['README.md', ...globSync('docs/guides/*.md', { cwd: root }).toSorted()]
const failure = /error\[\w+\]|command not found|No such file|cannot stat/

const hasServer = await reachable()

/** A database for one page, dropped afterwards; a file where there is no server, for what else the page says. */
async function ownDatabase(): Promise<AsyncDisposable & { readonly url: string }> {
  if (!hasServer) return { url: 'sqlite:in-place-of-postgres.db', [Symbol.asyncDispose]: async () => undefined }
  const name = databaseName()
  await createDatabase(name)
  return { url: databaseUrl(name), [Symbol.asyncDispose]: () => dropDatabase(name) }
}

/** Whether a block changes nothing. */
function onlyLooks(commands: string): boolean {
  const lines = commands.trim().split('\n')
  return lines.every((line) =>
    /^(export |curl |npx hermes-status|npx hermes (get|list|plan|tree|trace|events)\b)/.test(line),
  )
}

describe.concurrent('every command', () => {
  it.each(pages)('of %s does what the page says', { timeout: 90_000 }, async (page) => {
    using copy = await checkout()
    await using postgres = await ownDatabase()
    const own = new Map([
      [/(?<=127\.0\.0\.1):8080\b/g, `:${await freePort()}`],
      [/postgres:\/\/postgres@127\.0\.0\.1:5432\/data/g, postgres.url],
    ])
    await using shell = new DocShell(copy.path, own)
    const wrong: string[] = []
    for (const { line, commands, expected } of stepsOf(page)) {
      let output = await shell.run(commands)
      // A source that is being fetched just then says so: a second look finds it at rest.
      for (let again = 0; again < 5 && onlyLooks(commands) && missing(expected, output).length > 0; again += 1) {
        output = await shell.run(commands)
      }
      const lost = missing(expected, output)
      const failed = failure.test(output) && !expected.some((each) => failure.test(each))
      if (lost.length > 0 || failed) wrong.push(`${page}:${line}\nmissing:\n${lost.join('\n')}\nprinted:\n${output}`)
    }
    expect(wrong.join('\n\n')).toBe('')
  })

  it.skipIf(!hasServer)('about PostgreSQL runs against one', async () => expect(await reachable()).toBe(true))
})

describe('the pages', () => {
  const all = ['README.md', 'CHANGELOG.md', ...globSync('{docs,examples,manifests}/**/*.md', { cwd: root })]

  it('link to files that exist', () => {
    const dead = all.flatMap((page) => {
      const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(
        ([, to = '']) => to,
      )
      return links
        .filter((to) => !/^https?:/.test(to) && !existsSync(join(root, dirname(page), to)))
        .map((to) => `${page}: ${to}`)
    })
    expect(dead).toEqual([])
  })

  it('are all listed in docs/README.md', () => {
    const index = readFileSync(join(root, 'docs/README.md'), 'utf8')
    const listed = globSync('docs/**/*.md', { cwd: root, exclude: ['docs/README.md', 'docs/decisions/*'] })
    expect(listed.filter((page) => !index.includes(`(${page.slice('docs/'.length)})`))).toEqual([])
  })
})

describe('the comparison of output', () => {
  it('sees what is missing and what is out of order, and forgives times, days and hashes', () => {
    const output = 'cities  ready   5  3s ago   in 57s   2026-03-01\napproved  abcdef012345\nlast line 7'
    expect(missing(['cities ready 5 1m 2s ago in 3m 2026-02-28', 'approved 0123456789ab', 'last … 7'], output)).toEqual(
      [],
    )
    expect(missing(['cities ready 6 3s ago in 57s'], output)).toHaveLength(1)
    expect(missing(['last line 7', 'approved abcdef012345'], output)).toEqual(['approved abcdef012345'])
  })
})
