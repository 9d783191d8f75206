import type { PoolClient } from 'pg'
import { from } from 'pg-copy-streams'

/** A COPY and what follows it, as one text: the server runs it as one transaction, in one trip. */
export interface CopyScript {
  /** `COPY … FROM STDIN (FORMAT binary)` first. */
  readonly statements: readonly string[]
  readonly bytes: Uint8Array
}

/** Runs the script. Who aborts cancels it: see `cancellable`. */
export async function copyIn(client: PoolClient, { statements, bytes }: CopyScript): Promise<void> {
  const stream = client.query(from(statements.join(';\n')))
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject).on('finish', resolve)
    stream.end(bytes)
  })
}
