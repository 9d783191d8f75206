import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPlace } from '../cli/bin.ts'
import { freePort } from './checkout.ts'
import { type GitHubWorkflow, type GitLabPipeline, yamlBlocks } from './ci-pages.ts'
import { Runner } from './ci-runner.ts'
import { type CommentHost, commentHost } from './comment-host.ts'

/** The jobs of the guide, run as they stand there, against a real service and hosts that answer as the real ones do. */
const FULL = 'the-token-for-everything'
const READING = 'the-token-for-reading'
let place: Awaited<ReturnType<typeof openPlace>>
let url: string
let gitHub: GitHubWorkflow
let gitLab: GitLabPipeline
let alone: GitHubWorkflow
beforeAll(async () => {
  place = await openPlace()
  await place.hermes('init')
  await writeFile(join(place.directory, 'full'), FULL)
  await writeFile(join(place.directory, 'reading'), READING)
  const address = `127.0.0.1:${await freePort()}`
  url = `http://${address}`
  const blocks = yamlBlocks('docs/guides/pull-requests.md', { 'https://hermes.example.com': url })
  ;[gitHub, gitLab, alone] = blocks as [GitHubWorkflow, GitLabPipeline, GitHubWorkflow]
  await place.serve('--http', address, '--token-file', 'full', '--read-token-file', 'reading')
})
afterAll(() => place[Symbol.asyncDispose]())

function witness(database: string, sql: string): Record<string, unknown>[] {
  using opened = new DatabaseSync(database, { readOnly: true })
  return opened.prepare(sql).all()
}

/** A checkout of what is deployed, with one text of a manifest replaced. */
async function branch(runner: Runner, from = '', to = ''): Promise<void> {
  await cp(join(place.directory, 'manifests'), join(runner.checkout, 'manifests'), { recursive: true })
  const file = join(runner.checkout, 'manifests/cities.yaml')
  const text = await readFile(file, 'utf8')
  expect(text).toContain(from)
  await writeFile(file, text.replace(from, to))
}

/** What merging does: the service's own manifests become those of the checkout. */
async function merge(runner: Runner): Promise<void> {
  await cp(join(runner.checkout, 'manifests'), join(place.directory, 'manifests'), { recursive: true })
}

/** Two plans of a pull request, the second after another push, then the job after merging it. */
async function review(steps: {
  readonly runner: Runner
  readonly host: CommentHost
  readonly plan: () => Promise<{ code: number | null; stdout: string; stderr: string }>
  readonly apply: () => Promise<{ code: number | null; stdout: string; stderr: string }>
  readonly column: string
}): Promise<void> {
  const { runner, host, plan, apply, column } = steps
  await branch(runner, 'columns: {', `columns: { draft${column}: text,`)
  expect(await plan()).toMatchObject({ code: 0, stderr: '' })
  expect(host.comments).toHaveLength(2)
  expect(host.comments[1]?.body).toContain(`add column draft${column} text`)

  await branch(runner, 'columns: {', `columns: { ${column}: text,`)
  const second = await plan()
  expect([second.code, second.stdout]).toEqual([0, expect.stringContaining(`add column ${column} text`)])
  expect(host.comments).toHaveLength(2)
  expect(host.comments[1]?.body).toMatch(/^<!-- hermes plan: hermes -->\n/)
  expect(host.comments[1]?.body).not.toContain('draft')
  expect(host.changes.map((each) => each.split(' ')[0])).toHaveLength(2)

  await merge(runner)
  expect(await apply()).toMatchObject({ code: 0, stderr: '' })
  const columns = witness(join(place.directory, '.hermes/hermes.db'), `SELECT name FROM pragma_table_info('cities')`)
  expect(columns.map(({ name }) => name)).toContain(column)
}

describe('the workflow for GitHub Actions', () => {
  const context = {
    'secrets.HERMES_READ_TOKEN': READING,
    'secrets.HERMES_TOKEN': FULL,
    'github.token': 'github-token',
    'github.event.number': '7',
  }
  const issues = '/repos/acme/data/issues'

  it('comments the plan of a pull request in place, and applies it after the merge', { timeout: 60_000 }, async () => {
    const update = { method: 'PATCH', path: `${issues}/comments` } as const
    await using host = await commentHost(`${issues}/7/comments`, update, ['authorization', 'Bearer github-token'])
    using runner = new Runner({ GITHUB_API_URL: host.url, GITHUB_REPOSITORY: 'acme/data' })
    const { env, jobs } = gitHub
    const job = (name: string) => runner.gitHub(jobs[name] ?? { steps: [] }, env, context)
    await review({ runner, host, plan: () => job('plan'), apply: () => job('apply'), column: 'mayor' })
    expect(host.changes).toEqual([`POST ${issues}/7/comments`, `PATCH ${issues}/comments/2`])
    expect(await job('validate')).toMatchObject({ code: 0, stdout: '1 file, 1 manifest, 0 problems\n' })
  })

  it('annotates what is wrong, and fails with it', { timeout: 60_000 }, async () => {
    const update = { method: 'PATCH', path: `${issues}/comments` } as const
    await using host = await commentHost(`${issues}/7/comments`, update, ['authorization', 'Bearer github-token'])
    using runner = new Runner({ GITHUB_API_URL: host.url, GITHUB_REPOSITORY: 'acme/data' })
    await branch(runner, 'columns:', 'colums:')
    const { env, jobs } = gitHub
    const validated = await runner.gitHub(jobs['validate'] ?? { steps: [] }, env, context)
    expect(validated.code).toBe(1)
    expect(validated.stdout).toMatch(/^::error file=manifests\/cities\.yaml,line=\d+,col=\d+,title=unknown_field::/)
    const planned = await runner.gitHub(jobs['plan'] ?? { steps: [] }, env, context)
    expect(planned.code).toBe(1)
    expect(host.comments[1]?.body).toContain('(`unknown_field`)')
  })
})

it('the pipeline for GitLab does the same', { timeout: 60_000 }, async () => {
  const notes = '/projects/42/merge_requests/7/notes'
  await using host = await commentHost(notes, { method: 'PUT', path: notes }, ['private-token', 'gitlab-token'])
  using runner = new Runner({
    ...gitLab.variables,
    CI_API_V4_URL: host.url,
    CI_PROJECT_ID: '42',
    CI_MERGE_REQUEST_IID: '7',
  })
  const script = (name: string): readonly string[] => (gitLab[name] as { script: readonly string[] }).script
  const plan = () => runner.gitLab(script('plan'), { HERMES_READ_TOKEN: READING, GITLAB_TOKEN: 'gitlab-token' })
  const apply = () => runner.gitLab(script('apply'), { HERMES_TOKEN: FULL })
  await review({ runner, host, plan, apply, column: 'motto' })
  expect(host.changes).toEqual([`POST ${notes}`, `PUT ${notes}/2`])
})

it('the workflow without a service applies what was looked at, and nothing else', { timeout: 60_000 }, async () => {
  using runner = new Runner({})
  await branch(runner)
  await mkdir(join(runner.checkout, 'data'))
  await cp(join(place.directory, 'data'), join(runner.checkout, 'data'), { recursive: true })
  const database = join(runner.checkout, 'production.db')
  const context = { 'secrets.HERMES_DATABASE': `sqlite:${database}` }
  const { env, jobs } = alone
  const job = (name: string, more: Readonly<Record<string, string>> = {}) =>
    runner.gitHub(jobs[name] ?? { steps: [] }, env, { ...context, ...more })
  const { code, stdout, outputs } = await job('plan')
  expect([code, stdout, outputs['hash']]).toEqual([
    0,
    expect.stringContaining('Plan: 1 to create'),
    expect.stringMatching(/^\w{16}$/),
  ])
  const needs = { 'needs.plan.outputs.hash': outputs['hash'] ?? '' }
  expect(await job('apply', needs)).toMatchObject({ code: 0, stderr: '' })
  expect(witness(database, 'SELECT count(*) AS n FROM cities')).toEqual([{ n: 5 }])
  const stale = await job('apply', needs)
  expect([stale.code, stale.stderr]).toEqual([3, expect.stringContaining('error[plan_stale]')])
  expect((await job('plan')).outputs).toEqual({ hash: '' })
})
