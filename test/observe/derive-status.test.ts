import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ErrorCode, errorTable, HermesError } from '../../src/errors.ts'
import { deriveStatus, type ResourceView, type World } from '../../src/observe/derive-status.ts'
import type { Outcome } from '../../src/reconcile/controller.ts'
import type { RunFacts } from '../../src/store/store.ts'

const at = { file: 'prices.yaml', line: 1, column: 1 }
const view: ResourceView = {
  kind: 'SourceDefinition',
  name: 'prices',
  at,
  revision: 'sha256:1',
  suspended: false,
  outcome: { state: 'ready' },
  table: 'prices',
}
const now = Date.UTC(2026, 0, 2)

interface Case {
  readonly view?: Partial<ResourceView>
  readonly table?: Outcome | 'none'
  readonly facts?: RunFacts
  readonly running?: boolean
  readonly due?: number
}

function statusOf({ view: change, table = { state: 'ready' }, facts, running = false, due }: Case) {
  const world: World = {
    now,
    resources: [{ ...view, ...change }],
    tables: new Map(table === 'none' ? [] : [['prices', table]]),
    facts: new Map(facts === undefined ? [] : [['prices', facts]]),
    counts: new Map([['prices/prices', 12]]),
    cursors: new Map([['prices', '2026-01-01']]),
    nextDue: new Map(due === undefined ? [] : [['prices', due]]),
    running: new Set(running ? ['prices'] : []),
  }
  const [status] = deriveStatus(world)
  if (status === undefined) throw new Error('no status')
  return status
}

const ran: RunFacts = { attempt: 0, lastRunAt: now - 60_000 }
const failed = (code: string, lastRunAt?: number): RunFacts => ({
  attempt: 2,
  lastError: { code, message: 'it broke' },
  ...(lastRunAt === undefined ? {} : { lastRunAt }),
})
const error = (code: ErrorCode) => new HermesError(code, 'it broke')
const blocked: Outcome = { state: 'blocked', approval: 'abc123', error: error('approval_needed') }
const closed: Outcome = { state: 'waiting', until: now + 60_000 }
const retry: Outcome = { state: 'retry', error: error('database_unavailable'), attempt: 1, notBefore: now }

describe('the state of a source', () => {
  it.each([
    ['is ready once it was fetched', { facts: ran }, 'ready', 'Fetched'],
    ['stays ready while it is fetched again', { facts: ran, running: true }, 'ready', 'Fetched'],
    ['stays ready when a later fetch was interrupted', { facts: { ...ran, startedAt: now } }, 'ready', 'Fetched'],
    ['progresses to its first fetch', {}, 'progressing', 'FirstFetch'],
    [
      'progresses in its first fetch',
      { running: true, facts: { attempt: 1, startedAt: now } },
      'progressing',
      'FirstFetch',
    ],
    [
      'progresses after an interrupted one',
      { facts: { attempt: 1, startedAt: now } },
      'progressing',
      'FetchInterrupted',
    ],
    ['is ready when its first fetch is scheduled for later', { due: now + 1 }, 'ready', 'Scheduled'],
    ['is due now', { due: now }, 'progressing', 'FirstFetch'],
    ['retries what may pass', { facts: failed('http_timeout') }, 'retrying', 'HttpTimeout'],
    ['retries though it has older rows', { facts: failed('http_timeout', now - 9) }, 'retrying', 'HttpTimeout'],
    ['stalls on what somebody must mend', { facts: failed('http_unauthorized') }, 'stalled', 'HttpUnauthorized'],
    ['takes an unknown code for an internal one', { facts: failed('of_the_future') }, 'retrying', 'Internal'],
    ['has not been looked at', { view: { outcome: undefined } }, 'progressing', 'Reconciling'],
    ['has a table that was not looked at', { table: 'none', facts: ran }, 'progressing', 'Reconciling'],
    [
      'waits',
      { view: { outcome: { state: 'waiting', on: 'Connection/x' } }, facts: ran },
      'waiting',
      'WaitingForResource',
    ],
    ['waits for its table', { table: { state: 'waiting', on: 'Connection/x' } }, 'waiting', 'WaitingForResource'],
    ['waits for its window', { view: { outcome: closed }, facts: ran }, 'waiting', 'SyncWindow'],
    [
      'waits for the window of its table',
      { view: { outcome: { state: 'waiting', on: 'Table/prices' } }, table: closed },
      'waiting',
      'SyncWindow',
    ],
    ['is ready while its window is closed', { view: { opensAt: now + 9 }, facts: ran }, 'ready', 'SyncWindow'],
    ['is ready before its first window', { view: { opensAt: now + 9 }, due: now + 9 }, 'ready', 'SyncWindow'],
    ['is fetched outside of its window', { view: { opensAt: now + 9 }, running: true }, 'progressing', 'FirstFetch'],
    [
      'retries outside of its window',
      { view: { opensAt: now + 9 }, facts: failed('http_timeout') },
      'retrying',
      'HttpTimeout',
    ],
    ['retries its lap', { view: { outcome: retry }, facts: ran }, 'retrying', 'DatabaseUnavailable'],
    [
      'stalls in its lap',
      { view: { outcome: { state: 'stalled', error: error('secret_missing') } } },
      'stalled',
      'SecretMissing',
    ],
    [
      'stalls with its table',
      { table: { state: 'stalled', error: error('table_conflict') }, facts: ran },
      'stalled',
      'TableConflict',
    ],
    ['is blocked', { view: { outcome: blocked }, facts: ran }, 'blocked', 'ApprovalNeeded'],
    ['is blocked with its table', { table: blocked, facts: failed('http_timeout') }, 'blocked', 'ApprovalNeeded'],
    ['is suspended', { view: { suspended: true }, facts: ran }, 'suspended', 'Suspended'],
    [
      'is suspended whatever failed',
      { view: { suspended: true }, facts: failed('http_timeout') },
      'suspended',
      'Suspended',
    ],
    ['is blocked though suspended', { view: { suspended: true }, table: blocked }, 'blocked', 'ApprovalNeeded'],
    ['is being removed', { view: { removing: true }, table: 'none', facts: ran }, 'progressing', 'Removing'],
    ['is held though its manifest is gone', { view: { held: 'nothing was read' }, facts: ran }, 'ready', 'Held'],
    [
      'fails while it is held',
      { view: { held: 'nothing was read' }, facts: failed('http_timeout') },
      'retrying',
      'HttpTimeout',
    ],
    ['has a removal that is blocked', { view: { removing: true, outcome: blocked } }, 'blocked', 'ApprovalNeeded'],
  ] as [string, Case, string, string][])('%s', (_what, world, state, reason) => {
    expect(statusOf(world)).toMatchObject({ state, reason })
  })

  it('comes with figures', () => {
    expect(statusOf({ facts: failed('http_timeout', now - 1000), due: now + 5000 })).toMatchObject({
      table: 'prices',
      rows: 12,
      lastRunAt: '2026-01-01T23:59:59.000Z',
      nextRunAt: '2026-01-02T00:00:05.000Z',
      attempts: 2,
      lastError: { code: 'http_timeout', message: 'it broke' },
      cursor: '2026-01-01',
    })
  })

  it('has no next run while it is suspended', () => {
    expect(statusOf({ view: { suspended: true }, due: now })).not.toHaveProperty('nextRunAt')
  })

  it('says what to do', () => {
    expect(statusOf({ table: blocked })).toMatchObject({
      approval: 'abc123',
      message: expect.stringContaining('`hermes approve abc123`'),
    })
    expect(statusOf({ facts: failed('http_unauthorized') }).message).toBe(
      `it broke. ${errorTable.http_unauthorized.fix}`,
    )
    expect(statusOf({ view: { suspended: true } }).message).toContain('hermes resume SourceDefinition/prices')
  })
})

it('a Connection has neither table nor figures', () => {
  const { table: _table, ...connection } = { ...view, kind: 'Connection', name: 'fmp' }
  const none = { now, tables: new Map(), facts: new Map(), counts: new Map(), cursors: new Map(), nextDue: new Map() }
  const [status] = deriveStatus({ ...none, running: new Set(), resources: [connection] })
  expect(status).toEqual({
    kind: 'Connection',
    name: 'fmp',
    state: 'ready',
    reason: 'Reconciled',
    message: 'It is as its manifest says.',
    revision: 'sha256:1',
    at,
    conditions: ['Ready', 'Reconciled'].map((type) => ({
      type,
      status: 'True',
      reason: 'Reconciled',
      message: 'It is as its manifest says.',
    })),
  })
})

const anyOutcome = fc.oneof(
  fc.constant({ state: 'ready' } as const),
  fc.constant({ state: 'waiting', on: 'Connection/x' } as const),
  fc.constant(retry),
  fc.constant({ state: 'stalled', error: error('table_conflict') } as const),
  fc.constant(blocked),
)
const anyFacts = fc.record(
  {
    attempt: fc.nat(3),
    lastRunAt: fc.integer({ min: 0, max: now }),
    startedAt: fc.integer({ min: 0, max: now }),
    lastError: fc.record({ code: fc.constantFrom(...Object.keys(errorTable)), message: fc.string() }),
  },
  { requiredKeys: ['attempt'] },
)

it('keeps its promises in every world', () => {
  const worlds = fc.record({
    outcome: fc.option(anyOutcome, { nil: undefined }),
    table: fc.option(anyOutcome, { nil: 'none' as const }),
    facts: fc.option(anyFacts, { nil: undefined }),
    suspended: fc.boolean(),
    running: fc.boolean(),
  })
  fc.assert(
    fc.property(worlds, ({ outcome, table, facts, suspended, running }) => {
      const change = {
        suspended,
        ...(outcome === undefined ? { outcome: undefined } : { outcome }),
      } as Partial<ResourceView>
      const status = statusOf({ view: change, table, running, ...(facts === undefined ? {} : { facts }) })
      const [ready, reconciled, fetched] = status.conditions
      expect(status.conditions.map(({ type }) => type)).toEqual(['Ready', 'Reconciled', 'Fetched'])
      expect(ready).toMatchObject({ reason: status.reason, message: status.message })
      expect(ready?.status === 'True').toBe(status.state === 'ready')
      if (status.state === 'ready') expect([reconciled?.status, fetched?.status]).toEqual(['True', 'True'])
      expect(status.state === 'blocked').toBe(status.approval !== undefined)
      if (suspended) expect(['suspended', 'blocked']).toContain(status.state)
      expect(status.reason).toMatch(/^[A-Z][A-Za-z0-9]+$/)
      expect(status.message).toMatch(/\S/)
    }),
    { numRuns: 300 },
  )
})
