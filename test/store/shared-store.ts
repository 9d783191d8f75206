import { afterAll, beforeAll, beforeEach } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { Home } from './databases.ts'

export interface Shared {
  readonly home: Home
  readonly store: Store
}

/** One open store for all tests of a group, emptied before each of them: opening one takes longer than most tests. */
export function sharedStore(newHome: () => Promise<Home>): Shared {
  const opened: { home?: Home; store?: Store } = {}
  const shared: Shared = {
    get home() {
      if (opened.home === undefined) throw new Error('the home is not open')
      return opened.home
    },
    get store() {
      if (opened.store === undefined) throw new Error('the store is not open')
      return opened.store
    },
  }
  beforeAll(async () => {
    opened.home = await newHome()
    opened.store = await openStore(opened.home.url)
  })
  beforeEach(() => empty(shared.home))
  afterAll(async () => {
    await opened.store?.[Symbol.asyncDispose]()
    await opened.home?.[Symbol.asyncDispose]()
  })
  return shared
}

async function empty(home: Home): Promise<void> {
  const tables = await home.witness(
    home.dialect === 'sqlite'
      ? `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'hermes%'`
      : `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'hermes%'`,
  )
  for (const { name } of tables) await home.witness(`DROP TABLE "${String(name)}"`)
  for (const name of ['hermes_retries', 'hermes_dead_letters', 'hermes_checkpoints']) {
    await home.witness(`DELETE FROM ${name}`)
  }
}
