import { HermesError } from '../../errors.ts'
import { durationMs } from '../../manifest/duration.ts'
import type { Batch } from '../../stream/batch.ts'
import type { Connector, Context } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { invalidFile } from './file-error.ts'
import { inodeOf, opened, standingOf, successorOf } from './file-rotation.ts'
import { FileWatch } from './file-watch.ts'
import { type FollowFileConfig, followFileSchema } from './follow-file-config.ts'
import { LineBatch } from './line-batch.ts'
import type { FoundBlock, LineFile, LinePosition } from './line-file.ts'

export const followFileSource: Connector<Source, FollowFileConfig> = {
  type: 'file',
  summary: 'The lines of a file, as they are written; rotation is followed.',
  config: followFileSchema,
  open: async (settings, context) => new FollowFile(settings, context),
}

/** A file that has another one in its place is still written to for a while: until it rests so long. */
const REST_MS = 1_000

class FollowFile implements Source {
  readonly #config: FollowFileConfig
  readonly #context: Pick<Context, 'clock' | 'log'>
  readonly #closed = new AbortController()
  /** Identities of files that were read to their end. */
  readonly #read = new Set<string>()
  readonly #watch: FileWatch
  /** Milliseconds since the epoch: what is copied is copied after that. */
  #lookedAt = 0

  constructor(settings: FollowFileConfig, context: Pick<Context, 'clock' | 'log'>) {
    this.#config = settings
    this.#context = context
    this.#watch = new FileWatch(settings.path, Math.max(10, durationMs(settings.poll)), context.clock)
  }

  async *read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    this.#read.clear()
    let file = await this.#first(from as LinePosition | undefined, until)
    try {
      while (file !== undefined && !until.aborted) {
        const cut = yield* this.#batches(file, until, signal)
        if (until.aborted) break
        const done: LineFile = file
        const next = await this.#awaited(() => (cut ? this.#recover(done) : this.#after(done)), until)
        await file[Symbol.asyncDispose]()
        file = next
      }
      signal.throwIfAborted()
    } finally {
      await file?.[Symbol.asyncDispose]()
      this.#watch.close()
    }
  }

  /** A file that is not there yet is no failure when it is to be followed. */
  async ping(): Promise<void> {
    const file = await opened(this.#config.path, { generation: 0, maxLineBytes: 1 })
    if (file === undefined && !this.#config.follow) throw this.#missing()
    await file?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    this.#watch.close()
  }

  /** Waits until there is a file; undefined when it is to stop. */
  async #first(from: LinePosition | undefined, until: AbortSignal): Promise<LineFile | undefined> {
    const { path, start, maxLineBytes } = this.#config
    const find = async (): Promise<LineFile | undefined> => {
      if (from === undefined) return await opened(path, { generation: 0, maxLineBytes })
      const standing = await standingOf(path, from, { maxLineBytes })
      if (standing?.lost === true) this.#warnOfLoss(path)
      return standing?.file
    }
    const there = await find()
    if (there !== undefined && from === undefined && start === 'end') await this.#seekEnd(there)
    const file = there ?? (await this.#awaited(find, until))
    if (file === undefined && !until.aborted) throw this.#missing()
    return file
  }

  /** Behind the last line that is complete now. */
  async #seekEnd(file: LineFile): Promise<void> {
    await file.seek()
    if (!file.atLineStart) file.skipLine()
  }

  /** What is in the file and comes into it, until another is in its place; true when what was read was cut off. */
  async *#batches(file: LineFile, until: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch, boolean> {
    let restingSince: number | undefined
    let ends = !this.#config.follow
    while (!until.aborted) {
      const look = await file.look(ends)
      signal.throwIfAborted()
      if (look.state !== 'end') this.#watch.found()
      if (look.state === 'changed') return true
      this.#lookedAt = this.#context.clock.now()
      if (look.state === 'long') this.#passLong(file)
      else if (look.state === 'lines') {
        restingSince = undefined
        if (look.lines.bounds.length > 0) yield batchOf(file, look)
      } else if (ends) return false
      else {
        const now = this.#context.clock.now()
        const standing = await this.#standing(file)
        if (standing !== 'there') this.#watch.found()
        restingSince = standing === 'replaced' ? (restingSince ?? now) : undefined
        if (restingSince === undefined) await this.#watch.next(until, standing === 'there')
        else if (await this.#rests(file, now - restingSince)) ends = true
        else await this.#context.clock.sleep(REST_MS / 10, until).catch(() => undefined)
      }
    }
    return false
  }

  /** Where it was rotated away and nothing has its name yet, what was rotated after it comes next. */
  async #standing(file: LineFile): Promise<'there' | 'away' | 'replaced'> {
    const { path, maxLineBytes } = this.#config
    const inode = await inodeOf(path)
    if (inode !== undefined) return inode === file.inode ? 'there' : 'replaced'
    await using next = await successorOf(path, file, new Set([...this.#read, file.identity]), maxLineBytes)
    return next === undefined ? 'away' : 'replaced'
  }

  /** Whether nobody writes to a file any more that was replaced so long ago. */
  async #rests(file: LineFile, replacedMs: number): Promise<boolean> {
    if (replacedMs >= REST_MS) return true
    return this.#context.clock.now() - Number((await file.stat()).mtimeMs) >= REST_MS
  }

  /** Looks until there is something, unless nothing is to be waited for. */
  async #awaited(find: () => Promise<LineFile | undefined>, until: AbortSignal): Promise<LineFile | undefined> {
    for (;;) {
      const found = await find()
      if (found !== undefined || !this.#config.follow || until.aborted) return found
      await this.#watch.next(until, false)
    }
  }

  /** The copy that was made of a file before it was cut, or else the file from its beginning. */
  async #recover(file: LineFile): Promise<LineFile | undefined> {
    const { path, maxLineBytes } = this.#config
    const standing = await standingOf(path, file.position, { maxLineBytes, copiedSince: this.#lookedAt })
    if (standing?.lost === true) this.#warnOfLoss(path)
    return standing?.file ?? (await successorOf(path, file, this.#read, maxLineBytes))
  }

  /** The file after one that was read to its end. */
  async #after(file: LineFile): Promise<LineFile | undefined> {
    const { path, follow, maxLineBytes } = this.#config
    this.#read.add(file.identity)
    if (!follow && (await inodeOf(path)) === file.inode) return undefined
    return await successorOf(path, file, this.#read, maxLineBytes)
  }

  #passLong(file: LineFile): void {
    const { path, longLines, maxLineBytes } = this.#config
    const { offset } = file
    if (longLines === 'fail') {
      const fix = 'Raise file.maxLineBytes, or set file.longLines: skip.'
      throw invalidFile(path, undefined, `the line at byte ${offset} has more than ${maxLineBytes} bytes`, fix)
    }
    file.skipLine()
    this.#context.log.warn({ path, offset, maxLineBytes }, 'line left out: it is too long')
  }

  #warnOfLoss(path: string): void {
    this.#context.log.warn({ path }, 'file was replaced or cut: what was not read of it is not found any more')
  }

  #missing(): HermesError {
    return new HermesError('file_source_missing', `${this.#config.path} does not exist`)
  }
}

/** Each line is told apart by its file and its place there. */
function batchOf(file: LineFile, { lines, blockStart }: FoundBlock): Batch {
  const prefix = `${file.generation}-${file.inode}-`
  return new LineBatch(lines, { position: file.position, id: (start) => prefix + String(blockStart + start) })
}
