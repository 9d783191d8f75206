import { createHash } from 'node:crypto'
import { parseLossless } from '../lossless-json.ts'
import { chunks } from './chunks.ts'
import type { Database, SqlValue } from './database.ts'
import type { HermesTables } from './hermes-tables.ts'
import { storableText } from './json-text.ts'
import { parameterSign } from './statement-text.ts'
import { textList } from './text-list.ts'
import type { DeadLetterStore, Letter, LetterPage, StoredLetter } from './workflow-store.ts'

type LetterRow = HermesTables['hermes_dead_letters']

/** Both databases take more parameters in one statement than these rows have. */
const rowsPerStatement = 500
/** Of payloads; a single larger one goes by itself. */
const bytesPerStatement = 8 * 1024 * 1024
const idsPerStatement = 1000

const columns = 'workflow, id, payload, reason, stage, position, message_id, message_key, route, attempts, at' as const

/** `hermes_dead_letters` of one database. */
export function createDeadLetterStore(database: Database): DeadLetterStore {
  const p = parameterSign(database.dialect)
  const ids = textList(database.dialect)
  const among = `workflow = ${p}1 AND id IN (SELECT l.value FROM ${ids.from(2)} AS l)`
  const forIds = async (sql: string, workflow: string, all: readonly string[], signal?: AbortSignal) => {
    const found: LetterRow[] = []
    for (const chunk of chunks(all, idsPerStatement)) {
      found.push(...(await database.query<LetterRow>(sql, [workflow, ids.value(chunk)], signal)))
    }
    return found
  }
  return {
    of: (workflow) => ({ write: (letters, signal) => writeLetters(database, workflow, letters, signal) }),
    list: async (workflow, page, signal) => (await readPage(database, workflow, page, signal)).map(letterOf),
    find: async (workflow, wanted, signal) =>
      inOrder(await forIds(`SELECT ${columns} FROM hermes_dead_letters WHERE ${among}`, workflow, wanted, signal)),
    counts: async (signal) => {
      const sql = 'SELECT workflow, count(*) AS letters FROM hermes_dead_letters GROUP BY workflow'
      const rows = await database.query<{ workflow: string; letters: number }>(sql, [], signal)
      return new Map(rows.map(({ workflow, letters }) => [workflow, letters]))
    },
    take: async (workflow, wanted) =>
      inOrder(await forIds(`DELETE FROM hermes_dead_letters WHERE ${among} RETURNING ${columns}`, workflow, wanted)),
    delete: async (workflow, wanted) =>
      (await forIds(`DELETE FROM hermes_dead_letters WHERE ${among} RETURNING id`, workflow, wanted)).length,
    countAttempt: async (workflow, wanted) => {
      await forIds(`UPDATE hermes_dead_letters SET attempts = attempts + 1 WHERE ${among}`, workflow, wanted)
    },
    clear: async (workflows) => {
      const sql = `DELETE FROM hermes_dead_letters WHERE workflow IN (SELECT l.value FROM ${ids.from(1)} AS l)`
      if (workflows.length > 0) await database.query(sql, [ids.value(workflows)])
    },
  }
}

async function writeLetters(
  database: Database,
  workflow: string,
  letters: readonly Letter[],
  signal: AbortSignal,
): Promise<void> {
  const rows = rowsOf(workflow, letters)
  for (const statement of portions(rows)) {
    signal.throwIfAborted()
    const insert = database.kysely.insertInto('hermes_dead_letters').values(statement)
    const { sql, parameters } = insert.onConflict((on) => on.columns(['workflow', 'id']).doNothing()).compile()
    await database.query(sql, parameters as readonly SqlValue[], signal)
  }
}

/** The same letter twice in one call is two letters; the same call twice is one. */
function rowsOf(workflow: string, letters: readonly Letter[]): readonly LetterRow[] {
  const seen = new Map<string, number>()
  return letters.map((letter) => {
    const alike = hashOf(letter, 0)
    const before = seen.get(alike) ?? 0
    seen.set(alike, before + 1)
    return rowOf(workflow, letter, before === 0 ? alike : hashOf(letter, before))
  })
}

function rowOf(workflow: string, letter: Letter, hash: string): LetterRow {
  const { payload, meta, reason, stage, position, attempts, at } = letter
  return {
    workflow,
    id: `${timeText(at)}-${hash}`,
    // A part of a larger buffer would travel between threads with all of it.
    payload: payload.byteLength === payload.buffer.byteLength ? payload : new Uint8Array(payload),
    reason: storableText(reason),
    stage: storableText(stage),
    position: position === undefined ? null : JSON.stringify(position),
    message_id: textOrNull(meta.id),
    message_key: textOrNull(meta.key),
    route: textOrNull(meta.route),
    attempts,
    at: Math.floor(at),
  }
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined ? null : storableText(text)
}

/** Milliseconds in twelve hexadecimal digits: texts in the order of times. */
function timeText(ms: number): string {
  return Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
}

/** Eighty bits of everything that makes a letter what it is. */
function hashOf({ payload, meta, reason, stage, position, attempts }: Letter, alike: number): string {
  const about = JSON.stringify([alike, meta.id, meta.key, meta.route, reason, stage, position, attempts])
  return createHash('sha256').update(about).update(payload).digest('hex').slice(0, 20)
}

function portions(rows: readonly LetterRow[]): LetterRow[][] {
  const found: LetterRow[][] = []
  let current: LetterRow[] = []
  let bytes = 0
  for (const row of rows) {
    const isFull = current.length === rowsPerStatement || bytes + row.payload.length > bytesPerStatement
    if (current.length > 0 && isFull) {
      found.push(current)
      current = []
      bytes = 0
    }
    current.push(row)
    bytes += row.payload.length
  }
  return current.length > 0 ? [...found, current] : found
}

async function readPage(
  database: Database,
  workflow: string,
  { after, until, limit }: LetterPage,
  signal?: AbortSignal,
): Promise<readonly LetterRow[]> {
  const p = parameterSign(database.dialect)
  const values: SqlValue[] = [workflow]
  const bound = (value: SqlValue): string => `${p}${values.push(value)}`
  const conditions = [
    `workflow = ${p}1`,
    ...(after === undefined ? [] : [`id > ${bound(after)}`]),
    ...(until === undefined ? [] : [`id < ${bound(timeText(Math.floor(until) + 1))}`]),
  ]
  const where = conditions.join(' AND ')
  const sql = `SELECT ${columns} FROM hermes_dead_letters WHERE ${where} ORDER BY id LIMIT ${Math.trunc(limit)}`
  return await database.query<LetterRow>(sql, values, signal)
}

function inOrder(rows: readonly LetterRow[]): readonly StoredLetter[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(letterOf)
}

function letterOf(row: LetterRow): StoredLetter {
  const { workflow, id, payload, reason, stage, position, attempts, at } = row
  return {
    workflow,
    id,
    payload: new Uint8Array(payload),
    meta: {
      ...(row.message_id === null ? {} : { id: row.message_id }),
      ...(row.message_key === null ? {} : { key: row.message_key }),
      ...(row.route === null ? {} : { route: row.route }),
    },
    reason,
    stage,
    ...(position === null ? {} : { position: parseLossless(position) }),
    attempts,
    at,
  }
}
