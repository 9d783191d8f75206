import type { Clock } from '../clock.ts'
import { parseLossless } from '../lossless-json.ts'
import { chunks } from './chunks.ts'
import type { Database, Statement } from './database.ts'
import { parameterSign } from './statement-text.ts'
import { textList } from './text-list.ts'
import type { Checkpoint, Checkpoints } from './workflow-store.ts'

const rowsPerStatement = 1000

/** `hermes_checkpoints` of one database. */
export function createCheckpoints(database: Database, clock: Clock): Checkpoints {
  return {
    read: async (signal) => {
      const sql = 'SELECT workflow, position FROM hermes_checkpoints'
      const rows = await database.query<{ workflow: string; position: string | null }>(sql, [], signal)
      return new Map(rows.map(({ workflow, position }) => [workflow, positionOf(position)]))
    },
    save: async (positions, signal) => {
      const now = clock.now()
      for (const chunk of chunks([...positions], rowsPerStatement)) {
        const { sql, values } = saving(database.dialect, chunk, now)
        await database.query(sql, values, signal)
      }
    },
    delete: async (workflows) => {
      const list = textList(database.dialect)
      const sql = `DELETE FROM hermes_checkpoints WHERE workflow IN (SELECT l.value FROM ${list.from(1)} AS l)`
      if (workflows.length > 0) await database.query(sql, [list.value(workflows)])
    },
  }
}

/** Moves one checkpoint, to stand in a transaction beside the rows that it speaks for. */
export function moveCheckpoint(
  dialect: Database['dialect'],
  { workflow, position }: Checkpoint,
  now: number,
): Statement {
  return saving(dialect, [[workflow, position]], now)
}

function saving(dialect: Database['dialect'], positions: readonly (readonly [string, unknown])[], now: number) {
  const p = parameterSign(dialect)
  const rows = positions.map((_, index) => `(${p}${index * 2 + 2}, ${p}${index * 2 + 3}, ${p}1)`)
  return {
    sql:
      `INSERT INTO hermes_checkpoints (workflow, position, updated_at) VALUES ${rows.join(', ')} ` +
      `ON CONFLICT (workflow) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at`,
    values: [Math.floor(now), ...positions.flatMap(([workflow, position]) => [workflow, positionText(position)])],
  }
}

function positionText(position: unknown): string | null {
  return position === undefined ? null : JSON.stringify(position)
}

function positionOf(text: string | null): unknown {
  return text === null ? undefined : parseLossless(text)
}
