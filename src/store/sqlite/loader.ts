import type { Loader, LoadTarget } from '../database.ts'
import type { SqliteThread } from './sqlite-thread.ts'

let loaders = 0

/** Opens the bulk path into one table; the work is done by `thread-loader.ts` in the writer thread. */
export async function sqliteLoader(writer: SqliteThread, target: LoadTarget): Promise<Loader> {
  // Numbered here: a thread that died and came back must not take one loader for another.
  const loader = ++loaders
  await writer.ask({ op: 'load_open', loader, target })
  return {
    write: (rows, beside, signal) => writer.ask({ op: 'load_write', loader, rows, beside }, signal),
    swap: (source, beside) => writer.ask({ op: 'load_swap', loader, source, beside }),
    reshape: (next) => writer.ask({ op: 'load_reshape', loader, target: next }),
    [Symbol.asyncDispose]: () => writer.ask({ op: 'load_close', loader }),
  }
}
