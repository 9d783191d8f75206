import { arch, cpus, release, totalmem, type } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { query } from './workspace.ts'

const server = process.env.HERMES_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/postgres'

async function postgresVersion(): Promise<string> {
  const show = 'select current_setting($$server_version$$) as version, current_setting($$shared_buffers$$) as buffers'
  try {
    const [row] = await query<{ version: string; buffers: string }>(server, show)
    return `${row?.version} (shared_buffers ${row?.buffers})`
  } catch {
    return 'absent'
  }
}

function sqliteVersion(): string {
  const database = new DatabaseSync(':memory:')
  const row = database.prepare('select sqlite_version() as version').get()
  database.close()
  return String(row?.version)
}

/** What the figures were measured on, one line each. */
export async function machine(): Promise<string[]> {
  const [cpu] = cpus()
  return [
    `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()} ${arch()}`,
    `Node ${process.versions.node}, SQLite ${sqliteVersion()}, PostgreSQL ${await postgresVersion()}`,
  ]
}
