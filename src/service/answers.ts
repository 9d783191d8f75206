type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const flag = { type: 'boolean' }
const amount = { type: 'number', minimum: 0 }
const count = { type: 'integer', minimum: 0 }
const instant = { type: 'string', format: 'date-time' }

function list(items: Schema): Schema {
  return { type: 'array', items }
}

function record(properties: Record<string, Schema>, optional: readonly string[] = []): Schema {
  return { type: 'object', required: Object.keys(properties).filter((name) => !optional.includes(name)), properties }
}

function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

const letter = {
  id: text,
  at: instant,
  stage: text,
  reason: text,
  attempts: count,
  messageId: text,
  key: text,
  route: text,
  bytes: count,
  excerpt: text,
}
const unknownOfLetters = ['messageId', 'key', 'route']

/** The schemas of what the API answers, by name. */
export const answers = {
  Location: record({ file: text, line: count, column: count }),
  Error: record({
    error: record({ code: text, message: text, fix: text, at: reference('Location') }, ['at']),
  }),
  Problem: record({ code: text, message: text, at: reference('Location'), path: text, fix: text, manifest: text }, [
    'path',
    'manifest',
  ]),
  Condition: record({ type: text, status: { enum: ['True', 'False', 'Unknown'] }, reason: text, message: text }),
  ResourceStatus: record(
    {
      kind: text,
      name: text,
      state: { enum: ['ready', 'progressing', 'waiting', 'retrying', 'stalled', 'blocked', 'suspended'] },
      reason: text,
      message: text,
      revision: text,
      at: reference('Location'),
      conditions: list(reference('Condition')),
      approval: text,
      connection: text,
      table: text,
      rows: count,
      lastRunAt: instant,
      nextRunAt: instant,
      attempts: count,
      lastError: record({ code: text, message: text }),
      cursor: text,
      flow: reference('FlowStatus'),
    },
    ['approval', 'connection', 'table', 'rows', 'lastRunAt', 'nextRunAt', 'attempts', 'lastError', 'cursor', 'flow'],
  ),
  FlowStatus: record(
    {
      phase: { enum: ['starting', 'running', 'finished', 'failed', 'stopping'] },
      owner: text,
      read: count,
      written: count,
      readPerSecond: amount,
      writtenPerSecond: amount,
      position: {},
      lag: record({ messages: count, seconds: amount }),
      buffered: count,
      dropped: count,
      deadLetters: count,
      error: record({ code: text, message: text }),
      source: record({ code: text, message: text }),
      deadLetter: record({ code: text, message: text }),
      sinks: list(reference('SinkStatus')),
    },
    ['position', 'lag', 'error', 'source', 'deadLetter'],
  ),
  SinkStatus: record(
    {
      name: text,
      breaker: { enum: ['closed', 'open', 'half_open'] },
      written: count,
      writtenPerSecond: amount,
      writeSize: count,
      writesAtOnce: count,
      rejected: count,
      parked: count,
      error: record({ code: text, message: text }),
    },
    ['writeSize', 'writesAtOnce', 'error'],
  ),
  StatusReport: record(
    {
      time: instant,
      version: text,
      revision: text,
      unread: text,
      resources: list(reference('ResourceStatus')),
      problems: list(reference('Problem')),
      root: text,
    },
    ['unread', 'root'],
  ),
  Step: record(
    {
      op: { enum: ['+', '~', '-', '!', '.'] },
      summary: text,
      sql: text,
      destroys: record({ what: text, rows: count }, ['rows']),
      code: text,
      reason: text,
      at: reference('Location'),
    },
    ['sql', 'destroys', 'code', 'at'],
  ),
  Refetch: record({ source: text, rows: count }, ['rows']),
  ResourcePlan: record(
    {
      key: text,
      kind: text,
      name: text,
      at: reference('Location'),
      action: { enum: ['create', 'change', 'remove'] },
      reason: text,
      revision: text,
      steps: list(reference('Step')),
      blocked: record({ approval: text, code: { enum: ['approval_needed', 'prune_guard'] }, message: text }),
      waitsFor: text,
      opensAt: instant,
      refetches: list(reference('Refetch')),
      element: record({ value: text, at: reference('Location') }),
    },
    ['revision', 'blocked', 'waitsFor', 'opensAt', 'refetches', 'element'],
  ),
  Plan: record({
    revision: text,
    hash: text,
    resources: list(reference('ResourcePlan')),
    held: list(record({ key: text, at: reference('Location'), reason: text })),
    problems: list(reference('Problem')),
    summary: record({ create: count, change: count, remove: count, blocked: count, unchanged: count }),
  }),
  State: record({
    format: text,
    version: count,
    hermes: text,
    time: instant,
    dialect: text,
    entries: list({}),
    tables: list({}),
  }),
  ManifestView: record({ kind: text, name: text, file: text, line: count, text, madeBy: text }, ['madeBy']),
  ManifestViews: list(reference('ManifestView')),
  WriteResult: record(
    { file: text, key: text, action: { enum: ['added', 'updated', 'deleted', 'unchanged'] }, root: text },
    ['root'],
  ),
  WriteResults: list(reference('WriteResult')),
  Keys: list(text),
  Rows: list({ type: 'object' }),
  Event: record(
    {
      type: { enum: ['normal', 'warning'] },
      key: text,
      reason: text,
      message: text,
      count,
      firstAt: instant,
      lastAt: instant,
    },
    ['key'],
  ),
  Events: list(reference('Event')),
  Commit: record({ id: text, author: text, date: instant, subject: text }),
  Trace: record({
    table: text,
    sources: list(
      record(
        {
          name: text,
          state: text,
          connection: text,
          rows: count,
          lastRunAt: instant,
          at: reference('Location'),
          revision: text,
          commit: reference('Commit'),
        },
        ['connection', 'rows', 'lastRunAt', 'commit'],
      ),
    ),
  }),
  DeadLetters: list(record(letter, unknownOfLetters)),
  DeadLetter: record({ ...letter, position: {}, payload: text, encoding: { enum: ['utf-8', 'base64'] } }, [
    ...unknownOfLetters,
    'position',
  ]),
  LetterCount: record({ letters: count }),
  Nothing: { type: 'object' },
  TapSample: record(
    {
      at: instant,
      node: text,
      id: text,
      key: text,
      route: text,
      bytes: count,
      payload: text,
      isCut: flag,
      skipped: count,
    },
    ['id', 'key', 'route'],
  ),
  RunEvent: {
    oneOf: [
      record({ progress: record({ rows: count, pages: count }) }),
      record({
        result: record({ name: text, table: text, rows: count, pages: count, seconds: { type: 'number', minimum: 0 } }),
      }),
      reference('Error'),
    ],
  },
} as const satisfies Record<string, Schema>
