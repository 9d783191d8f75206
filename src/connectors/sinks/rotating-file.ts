import { glob, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Log } from '../../stream/connector.ts'
import { AppendFile, attempt, type FileFormat, syncDirectory } from './append-file.ts'
import { type PathPattern, pathPattern } from './path-pattern.ts'

/** When a file is complete. */
export interface Rotation {
  /** The write that would go beyond so many begins another file. */
  readonly bytes?: number
  /** Files end at multiples of so many milliseconds since the epoch. */
  readonly everyMs?: number
}

export interface RotatingFileParts {
  readonly path: string
  readonly rotation: Rotation
  readonly format: FileFormat
  readonly clock: Clock
  readonly log: Log
}

interface Current {
  readonly file: AppendFile
  /** Of what is in it. */
  readonly window: string
  /** The path that it was made by. */
  readonly base: string
}

const PART = '.part'
const NUMBER = 6

/**
 * Files one after the other. The one that is written to ends in `.part` and gets its name, which no other file has, when
 * it is complete: what has the name is whole and does not change. What a crash left goes on, or is completed.
 */
export class RotatingFile implements AsyncDisposable {
  readonly #parts: RotatingFileParts
  readonly #pattern: PathPattern
  #current: Current | undefined

  constructor(parts: RotatingFileParts) {
    this.#parts = parts
    this.#pattern = pathPattern(parts.path)
  }

  /** How long time alone leaves the file as it is: milliseconds from now, undefined when for ever. */
  get restMs(): number | undefined {
    const { rotation, clock } = this.#parts
    const units = [this.#pattern.unitMs, rotation.everyMs].filter((unit) => unit !== undefined)
    if (units.length === 0) return undefined
    const now = clock.now()
    return Math.min(...units.map((unit) => unit - (now % unit)))
  }

  /** Completes what an earlier run left and whose time is over; the rest is gone on with. */
  async recover(): Promise<void> {
    const { path, clock } = this.#parts
    const now = this.#windowAt(clock.now())
    for await (const part of glob(`${this.#pattern.glob}${PART}`)) {
      const base = part.slice(0, -PART.length)
      const { mtimeMs } = await attempt(path, () => stat(part))
      if (base !== this.#pattern.at(clock.now()) || this.#windowAt(mtimeMs) !== now) await this.#complete(part, base)
    }
  }

  /** Resolves when the bytes are on the disk. Throws `file_sink_failed`. */
  async append(bytes: readonly Buffer[]): Promise<void> {
    const length = bytes.reduce((sum, each) => sum + each.length, 0)
    await this.completeDue()
    if (this.#current !== undefined && this.#isFull(this.#current.file, length)) await this.#completeCurrent()
    this.#current ??= await this.#begin(length)
    await this.#current.file.append(bytes)
  }

  /** Completes the file when its time is over, or somebody took it away. */
  async completeDue(): Promise<void> {
    if (this.#current === undefined) return
    if (!(await this.#current.file.isInPlace())) await this.#close()
    else if (this.#current.window !== this.#windowAt(this.#parts.clock.now())) await this.#completeCurrent()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  /** Files of one window have one name for it. */
  #windowAt(ms: number): string {
    const { everyMs } = this.#parts.rotation
    return `${this.#pattern.at(ms)}\n${everyMs === undefined ? '' : Math.floor(ms / everyMs)}`
  }

  #isFull({ size }: AppendFile, more: number): boolean {
    const { bytes } = this.#parts.rotation
    return bytes !== undefined && size > 0 && size + more > bytes
  }

  /** Goes on with what an earlier run left, unless it is full or has other columns. */
  async #begin(more: number): Promise<Current> {
    const now = this.#parts.clock.now()
    const base = this.#pattern.at(now)
    const file = await AppendFile.open(base + PART, this.#parts.format)
    if (!this.#isFull(file, more) && (await file.hasHeader())) return { file, window: this.#windowAt(now), base }
    await file[Symbol.asyncDispose]()
    await this.#complete(base + PART, base)
    return await this.#begin(more)
  }

  async #close(): Promise<void> {
    const { file } = this.#current ?? {}
    this.#current = undefined
    await file?.[Symbol.asyncDispose]()
  }

  async #completeCurrent(): Promise<void> {
    const { base } = this.#current ?? {}
    await this.#close()
    if (base !== undefined) await this.#complete(base + PART, base)
  }

  /** Gives a file its name, cut to what is whole; one with nothing in it goes. */
  async #complete(part: string, base: string): Promise<void> {
    const file = await AppendFile.open(part, this.#parts.format)
    const { size } = file
    await file[Symbol.asyncDispose]()
    await attempt(part, async () => {
      if (size === 0) await rm(part)
      else await rename(part, await this.#freeName(base))
      await syncDirectory(dirname(part))
    })
  }

  /** `events-000001.jsonl`, one more than the greatest there is; without a rotation of its own the name itself, if it is free. */
  async #freeName(base: string): Promise<string> {
    const { rotation } = this.#parts
    const extension = extname(base)
    const stem = basename(base, extension)
    const names = await readdir(dirname(base))
    const isNumbered = rotation.bytes !== undefined || rotation.everyMs !== undefined
    if (!isNumbered && !names.includes(basename(base))) return base
    const numbers = names.map((name) => numberIn(name, `${stem}-`, extension))
    const next = String(Math.max(0, ...numbers) + 1).padStart(NUMBER, '0')
    return join(dirname(base), `${stem}-${next}${extension}`)
  }
}

function numberIn(name: string, before: string, after: string): number {
  if (!name.startsWith(before) || !name.endsWith(after)) return 0
  const digits = name.slice(before.length, name.length - after.length)
  return /^\d{6,15}$/.test(digits) ? Number(digits) : 0
}
