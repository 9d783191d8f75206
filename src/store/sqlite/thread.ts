import { parentPort, workerData } from 'node:worker_threads'
import { HermesError } from '../../errors.ts'
import type { ThreadAnswer, ThreadFailure, ThreadQuestion, ThreadRequest, ThreadSettings } from './protocol.ts'
import { inSnapshot, inTransaction, openConnection, statementRunner } from './thread-database.ts'
import { openThreadLoader, type ThreadLoader } from './thread-loader.ts'

// The entry of both threads: opens the database, then answers questions until it is terminated.

const settings = workerData as ThreadSettings
const db = openConnection(settings)
const run = statementRunner(db)
const loaders = new Map<number, ThreadLoader>()

function loader(id: number): ThreadLoader {
  const found = loaders.get(id)
  if (found === undefined) throw new HermesError('internal', `loader ${id} is closed`)
  return found
}

function answer(request: ThreadRequest): unknown {
  switch (request.op) {
    case 'query':
      return settings.role === 'reader'
        ? inSnapshot(db, () => run(request.sql, request.values))
        : run(request.sql, request.values)
    case 'script':
      return inTransaction(db, () => db.exec(request.sql))
    case 'load_open':
      loaders.set(request.loader, openThreadLoader(db, request.target))
      return undefined
    case 'load_write':
      return loader(request.loader).write(request.rows, request.beside)
    case 'load_swap':
      return loader(request.loader).swap(request.source, request.beside)
    case 'load_reshape':
      return loader(request.loader).reshape(request.target)
    case 'load_close':
      loaders.get(request.loader)?.close()
      loaders.delete(request.loader)
      return undefined
    case 'close':
      return db.close()
    default:
      return request satisfies never
  }
}

function failure(error: unknown): ThreadFailure {
  if (error instanceof HermesError) return { message: error.message, hermes: error.code }
  if (!(error instanceof Error)) return { message: String(error) }
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined
  return { message: error.message, ...(errcode === undefined ? {} : { errcode }) }
}

function reply({ id, request }: ThreadQuestion): ThreadAnswer {
  try {
    return { id, value: answer(request) }
  } catch (error) {
    return { id, failure: failure(error) }
  }
}

parentPort?.on('message', (question: ThreadQuestion) => parentPort?.postMessage(reply(question), []))
