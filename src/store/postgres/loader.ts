import type { Pool, PoolClient } from 'pg'
import { HermesError } from '../../errors.ts'
import type { Loader, LoadTarget, Row, Statement } from '../database.ts'
import { identifier } from '../sql-text.ts'
import { inlined } from '../statement-text.ts'
import { withClient } from './connection.ts'
import { copyEncoder } from './copy-encoder.ts'
import { copyIn } from './copy-in.ts'
import { postgresError } from './failure.ts'
import { copyInto, insertFrom } from './load-script.ts'
import { stagedLoader } from './staged-loader.ts'
import { inboxFor } from './staging.ts'

/**
 * Opens the bulk path into one table: binary COPY, straight into the table when it has no key, else into a temporary
 * table whose rows one INSERT takes over.
 */
export async function postgresLoader(pool: Pool, location: string, target: LoadTarget): Promise<Loader> {
  const loader = target.staged ? await stagedLoader(pool, target) : new DirectLoader(pool, target)
  return translating(loader, location)
}

/** Borrows a connection for each write, so that a run that waits for its source holds none. */
class DirectLoader implements Loader {
  readonly #pool: Pool
  #target: LoadTarget
  #encode: (rows: readonly Row[]) => Uint8Array

  constructor(pool: Pool, target: LoadTarget) {
    this.#pool = pool
    this.#target = target
    this.#encode = copyEncoder(target.columns)
  }

  async write(rows: readonly Row[], beside: readonly Statement[], signal: AbortSignal): Promise<void> {
    const target = this.#target
    const bytes = this.#encode(rows)
    const write = async (client: PoolClient): Promise<void> => {
      const inbox = target.key.length === 0 ? undefined : await inboxFor(client, target)
      const takeOver = inbox === undefined ? [] : [insertFrom(inbox, identifier(target.table), target)]
      const copy = copyInto(inbox ?? identifier(target.table), target)
      await copyIn(client, { statements: [copy, ...takeOver, ...beside.map(inlined)], bytes })
    }
    await withClient(this.#pool, write, signal)
  }

  swap(): Promise<void> {
    return Promise.reject(new HermesError('internal', `rows for ${this.#target.table} were not staged`))
  }

  reshape(target: LoadTarget): Promise<void> {
    this.#target = target
    this.#encode = copyEncoder(target.columns)
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** Writes go out one after the other, none behind one that failed; what the server says becomes a HermesError. */
function translating(loader: Loader, location: string): Loader {
  let last: Promise<void> = Promise.resolve()
  const inTurn = (work: () => Promise<void>, signal?: AbortSignal): Promise<void> => {
    last = last.then(work).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw postgresError(error, location)
    })
    return last
  }
  return {
    write: (rows, beside, signal) => inTurn(() => loader.write(rows, beside, signal), signal),
    swap: (source, beside) => inTurn(() => loader.swap(source, beside)),
    reshape: (target) => inTurn(() => loader.reshape(target)),
    [Symbol.asyncDispose]: async () => {
      await last.catch(() => undefined)
      await loader[Symbol.asyncDispose]()
    },
  }
}
