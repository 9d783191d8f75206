import { afterAll, beforeAll, describe } from 'vitest'
import {
  createDatabase,
  databaseName,
  databaseUrl,
  dropDatabase,
  type Home,
  postgresHome,
  reachable,
  sqliteHome,
} from './homes.ts'

export { type Home, sqliteHome } from './homes.ts'

export interface Homes {
  readonly dialect: 'sqlite' | 'postgres'
  /** A fresh one: a file of its own on SQLite, a schema of its own on PostgreSQL. */
  readonly home: () => Promise<Home>
}

const hasServer = await reachable()
if (!hasServer && process.env['HERMES_REQUIRE_SERVICES'] === '1') {
  throw new Error('no PostgreSQL answers: set HERMES_TEST_POSTGRES, or start one on 127.0.0.1:5432')
}

/** The same tests on SQLite and on a real PostgreSQL; without a server the latter show as skipped. */
export function eachDatabase(name: string, define: (homes: Homes) => void): void {
  describe(`${name} on sqlite`, () => define({ dialect: 'sqlite', home: sqliteHome }))
  describe.skipIf(!hasServer)(`${name} on postgres`, () => {
    const url = ownDatabase()
    define({ dialect: 'postgres', home: () => postgresHome(url) })
  })
}

/** For tests of PostgreSQL alone. */
export function onPostgres(name: string, define: (homes: Homes) => void): void {
  describe.skipIf(!hasServer)(`${name} on postgres`, () => {
    const url = ownDatabase()
    define({ dialect: 'postgres', home: () => postgresHome(url) })
  })
}

/** Makes a throw-away database for this file's tests; the answer is its URL. */
function ownDatabase(): string {
  const name = databaseName()
  beforeAll(() => createDatabase(name))
  afterAll(() => dropDatabase(name))
  return databaseUrl(name)
}
