import { PassThrough, type Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { RunProgress, RunResult } from './api.ts'
import { errorAnswer, toAnswerable } from './error-answer.ts'

const LEAST_BETWEEN_MS = 200

/**
 * A run as JSON lines: `{"progress":…}` a few times a second, then `{"result":…}` or `{"error":…}`. Rejects with the
 * run's error when it comes before the first progress, so that it can be answered with a status of its own.
 */
export async function runLines(
  run: (onProgress: (progress: RunProgress) => void) => Promise<RunResult>,
  clock: Clock,
): Promise<Readable> {
  const lines = new PassThrough()
  const write = (line: object) => lines.write(`${JSON.stringify(line)}\n`)
  const started = Promise.withResolvers<void>()
  let last = Number.NEGATIVE_INFINITY
  const result = run((progress) => {
    started.resolve()
    const now = clock.now()
    if (now - last < LEAST_BETWEEN_MS || lines.destroyed) return
    last = now
    write({ progress })
  })
  await Promise.race([started.promise, result])
  void result
    .then((value) => write({ result: value }))
    .catch((error: unknown) => write(errorAnswer(toAnswerable(error).error)))
    .finally(() => lines.end())
  return lines
}
