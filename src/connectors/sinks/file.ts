import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector, Context } from '../../stream/connector.ts'
import type { Rejection, Sink } from '../../stream/sink.ts'
import { attempt, type FileFormat } from './append-file.ts'
import { csvEncoder, csvHeader } from './csv-lines.ts'
import { type FileSinkConfig, fileSinkSchema } from './file-config.ts'
import { type Encode, encodeJsonLines, LineBuffer } from './line-buffer.ts'
import { pathPattern } from './path-pattern.ts'
import { RotatingFile } from './rotating-file.ts'
import { SingleFile } from './single-file.ts'

/** Throws `invalid_value` for settings that fit their schema and not each other. */
export const fileSink: Connector<Sink, FileSinkConfig> = {
  type: 'file',
  summary: 'Files of JSON lines or CSV.',
  config: fileSinkSchema,
  open: async (settings, context) => {
    const { encode, ...form } = formatOf(settings)
    return await FileSink.open(settings, encode, { ...form, log: context.log }, context)
  },
}

type Files = SingleFile | RotatingFile

interface Write {
  readonly lines: LineBuffer
  readonly signal: AbortSignal
  readonly settle: (error?: Error) => void
}

class FileSink implements Sink {
  readonly #path: string
  readonly #files: Files
  readonly #encode: Encode
  readonly #context: Pick<Context, 'clock' | 'log'>
  readonly #closed = new AbortController()
  /** Memory of an earlier write, to be used again. */
  #spare: LineBuffer | undefined
  /** Oldest first; what waits together goes to the disk together. */
  #waiting: Write[] = []
  #ticking: Promise<void> | undefined

  private constructor(path: string, files: Files, encode: Encode, context: Pick<Context, 'clock' | 'log'>) {
    this.#path = path
    this.#files = files
    this.#encode = encode
    this.#context = context
  }

  static async open(
    { path, rotate }: FileSinkConfig,
    encode: Encode,
    format: FileFormat,
    context: Pick<Context, 'clock' | 'log'>,
  ): Promise<FileSink> {
    const pattern = pathPattern(path)
    if (rotate === undefined && pattern.unitMs === undefined) {
      return new FileSink(path, new SingleFile(pattern.at(0), format), encode, context)
    }
    const everyMs = rotate?.every === undefined ? undefined : durationMs(rotate.every)
    if (everyMs === 0) throw new HermesError('invalid_value', 'file.rotate.every must be longer than 0')
    const rotation = {
      ...(rotate?.bytes === undefined ? {} : { bytes: rotate.bytes }),
      ...(everyMs === undefined ? {} : { everyMs }),
    }
    const files = new RotatingFile({ path, rotation, format, ...context })
    await inTurn(path, () => files.recover())
    const sink = new FileSink(path, files, encode, context)
    sink.#ticking = sink.#tick(files)
    return sink
  }

  /** Several writes may be under way: they keep their order, and share what it takes to reach the disk. */
  async write(batch: Batch, signal: AbortSignal): Promise<readonly Rejection[]> {
    signal.throwIfAborted()
    const lines = this.#spare ?? new LineBuffer()
    this.#spare = undefined
    lines.clear()
    const rejections = this.#encode(batch, lines)
    if (lines.length > 0) await this.#written(lines, signal)
    else this.#spare = lines
    return rejections
  }

  /** Whether the directory can be written to, or will be made. */
  async ping(): Promise<void> {
    let directory = dirname(pathPattern(this.#path).at(this.#context.clock.now()))
    while ((await access(directory).catch(() => 'absent')) === 'absent' && dirname(directory) !== directory) {
      directory = dirname(directory)
    }
    await attempt(directory, () => access(directory, constants.W_OK | constants.X_OK))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#ticking
    await inTurn(this.#path, () => this.#files[Symbol.asyncDispose]())
  }

  #written(lines: LineBuffer, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error)
      const settle = (error?: Error): void => {
        signal.removeEventListener('abort', onAbort)
        if (error === undefined) resolve()
        else reject(error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push({ lines, signal, settle })
      void inTurn(this.#path, () => this.#writeWaiting())
    })
  }

  async #writeWaiting(): Promise<void> {
    const writes = this.#waiting.filter(({ signal }) => !signal.aborted)
    this.#waiting = []
    if (writes.length === 0) return
    const error = await this.#files.append(writes.map(({ lines }) => lines.bytes)).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    )
    this.#spare = writes[0]?.lines
    for (const { settle } of writes) settle(error)
  }

  /** Completes files whose time is over though nothing comes. */
  async #tick(files: RotatingFile): Promise<void> {
    const { clock, log } = this.#context
    const { signal } = this.#closed
    for (let restMs = files.restMs; restMs !== undefined && !signal.aborted; restMs = files.restMs) {
      await clock.sleep(Math.min(restMs + 1, LONGEST_SLEEP_MS), signal).catch(() => undefined)
      if (signal.aborted) return
      await inTurn(this.#path, () => files.completeDue()).catch((error: unknown) => {
        // The next write says it again, as its own failure.
        log.warn({ path: this.#path, error: String(error) }, 'file could not be completed')
      })
    }
  }
}

/** By path, the last that touches its files; none of them rejects. */
const turns = new Map<string, Promise<void>>()

/** One after the other touches the files of a path: two sinks that share it write behind each other, and not over each other. */
function inTurn(path: string, work: () => Promise<void>): Promise<void> {
  const done = (turns.get(path) ?? Promise.resolve()).then(work)
  const settled = done.catch(() => undefined)
  turns.set(path, settled)
  void settled.then(() => {
    if (turns.get(path) === settled) turns.delete(path)
  })
  return done
}

const LONGEST_SLEEP_MS = 3_600_000

function formatOf({ path, format, csv }: FileSinkConfig): Omit<FileFormat, 'log'> & { readonly encode: Encode } {
  if ((format ?? (/\.[ct]sv$/.test(path) ? 'csv' : 'jsonl')) === 'jsonl') return { encode: encodeJsonLines }
  if (csv === undefined) {
    throw new HermesError('invalid_value', 'file.csv.columns is needed for CSV', {
      fix: 'Name the fields in their order: csv: { columns: [id, price] }.',
    })
  }
  const written = { columns: csv.columns, delimiter: csv.delimiter ?? (path.endsWith('.tsv') ? '\t' : ',') }
  return { encode: csvEncoder(written), rows: true, header: csv.header ? csvHeader(written) : '' }
}
