import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'

const server = process.env.HERMES_TEST_POSTGRES ?? 'postgres://postgres@127.0.0.1:5432/postgres'

/** A directory for one bench; gone when disposed. */
export function workspace(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'hermes-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs statements against a PostgreSQL database with the bare driver. */
export async function query<Row>(url: string, ...statements: readonly string[]): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    let rows: Row[] = []
    for (const sql of statements) rows = (await client.query(sql)).rows as Row[]
    return rows
  } finally {
    await client.end()
  }
}

/** A PostgreSQL database for one bench; dropped when disposed. Throws when no server answers. */
export async function throwAwayDatabase(): Promise<AsyncDisposable & { readonly url: string }> {
  const name = `hermes_bench_${randomBytes(6).toString('hex')}`
  await query(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await query(server, `drop database ${name} with (force)`)
    },
  }
}
