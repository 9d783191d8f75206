import type { LoadTarget } from '../database.ts'
import { columnList, onConflict } from '../load-sql.ts'

export function copyInto(table: string, target: LoadTarget): string {
  return `COPY ${table} (${columnList(target)}) FROM STDIN (FORMAT binary)`
}

export function insertFrom(from: string, into: string, target: LoadTarget): string {
  const columns = columnList(target)
  return `INSERT INTO ${into} (${columns}) SELECT ${columns} FROM ${from}${onConflict(target)}`
}
