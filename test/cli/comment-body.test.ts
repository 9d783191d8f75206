import { describe, expect, it } from 'vitest'
import { commentBody } from '../../src/cli/comment-body.ts'
import { githubAnnotation } from '../../src/cli/github-annotation.ts'
import type { Plan, ResourcePlan } from '../../src/reconcile/plan.ts'
import { renderMarkdown } from '../../src/reconcile/render-markdown.ts'

const at = { file: 'a.yaml', line: 1, column: 1 }

function planOf(tables: readonly { readonly name: string; readonly sql: string }[]): Plan {
  const resources = tables.map(({ name, sql }, index): ResourcePlan => {
    const place = { ...at, line: index + 1 }
    const steps = [{ op: '+', summary: `create table ${name}`, sql, reason: 'a source names it' } as const]
    return {
      key: `Table/${name}`,
      kind: 'Table',
      name,
      at: place,
      action: 'create',
      reason: 'a source names it',
      steps,
    }
  })
  const summary = { create: tables.length, change: 0, remove: 0, blocked: 0, unchanged: 0 }
  return { revision: 'r', hash: 'fedcba9876543210', resources, held: [], problems: [], summary }
}

const small = planOf([{ name: 't', sql: 'CREATE TABLE t ()' }])

describe('the body of a comment', () => {
  it('is the plan behind a mark that a job finds it by', () => {
    expect(commentBody(small, 'prod/eu-1')).toBe(`<!-- hermes plan: prod/eu-1 -->\n${renderMarkdown(small)}`)
  })

  it.each(['', 'a--b', 'a>', '-->', 'a\nb', 'x'.repeat(101)])(
    'refuses the name %j, which could end the mark',
    (name) => {
      expect(() => commentBody(small, name)).toThrow(expect.objectContaining({ code: 'usage' }))
    },
  )

  it.each([
    ['many tables', Array.from({ length: 15 }, (_, i) => ({ name: `t${i}`, sql: `-- ü${'x'.repeat(6_000)}` }))],
    ['one statement', [{ name: 't', sql: 'x'.repeat(100_000) }]],
    ['a long list', Array.from({ length: 20 }, (_, i) => ({ name: `t${i}${'x'.repeat(4_000)}`, sql: '' }))],
  ])('of %s fits into a comment, with nothing left open', (_what, tables) => {
    const plan = planOf(tables)
    expect(Buffer.byteLength(renderMarkdown(plan))).toBeGreaterThan(65_536)
    const body = commentBody(plan, 'hermes')
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536)
    const count = (text: string): number => body.split(text).length - 1
    expect(count('<details>')).toBe(count('</details>'))
    expect(count('```') % 2).toBe(0)
    expect(body).not.toContain('\ufffd')
    expect(body).toMatch(
      /\n\n\*\*This is not all of it:.+\n\nApply this plan with: `hermes apply --plan fedcba9876543210`\n$/,
    )
  })
})

describe('an annotation of GitHub', () => {
  const problem = { code: 'invalid_value', message: 'must be a, not b', at, path: 'spec.x', fix: 'Use a.' }

  it('names file, line, column and code', () => {
    expect(githubAnnotation(problem, 'manifests')).toBe(
      '::error file=manifests/a.yaml,line=1,col=1,title=invalid_value::spec.x: must be a, not b%0AUse a.\n',
    )
  })

  it('escapes what would end it, as the documentation of the runner says', () => {
    const hostile = { ...problem, message: '100%\r\n::set-env name=X::y', at: { ...at, file: 'a:b,c%.yaml' } }
    expect(githubAnnotation(hostile, '.')).toBe(
      '::error file=a%3Ab%2Cc%25.yaml,line=1,col=1,title=invalid_value::spec.x: 100%25%0D%0A::set-env name=X::y%0AUse a.\n',
    )
  })
})
