import type { Pool, PoolClient } from 'pg'
import { from } from 'pg-copy-streams'
import { cancelQuery } from './connection.ts'

/** A COPY and what follows it, as one text: the server runs it as one transaction, in one trip. */
export interface CopyScript {
  /** `COPY … FROM STDIN (FORMAT binary)` first. */
  readonly statements: readonly string[]
  readonly bytes: Uint8Array
}

/** Runs the script; an abort cancels it on the server and rejects with the signal's reason. */
export async function copyIn(pool: Pool, client: PoolClient, script: CopyScript, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const cancel = () => void cancelQuery(pool, client)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const stream = client.query(from(script.statements.join(';\n')))
    await new Promise<void>((resolve, reject) => {
      stream.on('error', reject).on('finish', resolve)
      stream.end(script.bytes)
    })
  } finally {
    signal.removeEventListener('abort', cancel)
    signal.throwIfAborted()
  }
}
