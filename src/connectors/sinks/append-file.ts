import { constants, type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HermesError } from '../../errors.ts'
import type { Log } from '../../stream/connector.ts'
import { type WholeLength, wholeLines, wholeRows } from './whole-length.ts'

/** How a file is written. */
export interface FileFormat {
  /** CSV: a line break within quotes ends no row. Absent: each line is a message. */
  readonly rows?: boolean
  /** The first line; none when empty. */
  readonly header?: string
  readonly log: Log
}

/**
 * A file that grows by whole writes: what `append` resolved for is on the disk, and what was written in part is cut off,
 * after an error as after a crash. One append at a time.
 */
export class AppendFile implements AsyncDisposable {
  readonly path: string
  readonly #handle: FileHandle
  readonly #inode: bigint
  readonly #header: Buffer
  #size: number
  /** A write failed, and what there may be of it behind the size could not be cut off. */
  #torn = false

  private constructor(path: string, handle: FileHandle, inode: bigint, size: number, header: Buffer) {
    this.path = path
    this.#handle = handle
    this.#inode = inode
    this.#size = size
    this.#header = header
  }

  /** Opens a file, or makes it with its directories, and cuts off what a crash left half-written. Throws `file_sink_failed`. */
  static async open(path: string, { rows = false, header = '', log }: FileFormat): Promise<AppendFile> {
    return await attempt(path, async () => {
      const handle = await openOrCreate(path)
      try {
        const { ino, size } = await handle.stat({ bigint: true })
        const whole = await (rows ? wholeRows : wholeLines)(handle, Number(size))
        await mend(handle, Number(size), whole)
        const cut = Number(size) - whole.length
        if (cut > 0) log.warn({ path, bytes: cut }, 'a half-written line was cut off')
        return new AppendFile(path, handle, ino, whole.length + (whole.unended ? 1 : 0), Buffer.from(header))
      } catch (error) {
        await handle.close()
        throw error
      }
    })
  }

  get size(): number {
    return this.#size
  }

  /** Whether it begins with the header that it should have. */
  async hasHeader(): Promise<boolean> {
    const begin = Buffer.alloc(Math.min(this.#header.length, this.#size))
    await attempt(this.path, () => this.#handle.read(begin, 0, begin.length, 0))
    return this.#size === 0 || begin.equals(this.#header)
  }

  /** Whether its path still leads to it, and not to another file or to none. */
  async isInPlace(): Promise<boolean> {
    const stats = await stat(this.path, { bigint: true }).catch(() => undefined)
    if (stats?.ino !== this.#inode) return false
    // Somebody else cut it, or wrote to it: what he left is where it goes on.
    if (!this.#torn) this.#size = Number(stats.size)
    return true
  }

  /** Resolves when the bytes are on the disk. Throws `file_sink_failed`; the file is then as it was before the next append. */
  async append(bytes: readonly Buffer[]): Promise<void> {
    await attempt(this.path, async () => {
      if (this.#torn) await this.#handle.truncate(this.#size)
      const whole = joined(this.#size === 0 && this.#header.length > 0 ? [this.#header, ...bytes] : bytes)
      await this.#write(whole).catch(async (error: unknown) => {
        this.#torn = await this.#handle.truncate(this.#size).then(
          () => false,
          () => true,
        )
        throw error
      })
      this.#size += whole.length
      this.#torn = false
    })
  }

  async #write(bytes: Buffer): Promise<void> {
    await writeAll(this.#handle, bytes, this.#size)
    await this.#handle.datasync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#torn) await this.#handle.truncate(this.#size).catch(() => undefined)
    await this.#handle.close().catch(() => undefined)
  }
}

/** Makes what the directory says of its files durable: that one is new, or has another name. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}

/** Runs what touches a file; what the file system says becomes `file_sink_failed` with the path. */
export async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof HermesError || !(error instanceof Error) || !('code' in error)) throw error
    throw new HermesError('file_sink_failed', `${path} cannot be written: ${error.message}`, { cause: error })
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = constants
  const existing = await open(path, O_RDWR | O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (existing !== undefined) return await refuseSpecial(existing, path)
  await makeDirectory(dirname(path))
  const handle = await open(path, O_RDWR | O_CREAT | O_EXCL, 0o644)
  await syncDirectory(dirname(path))
  return handle
}

async function refuseSpecial(handle: FileHandle, path: string): Promise<FileHandle> {
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw new HermesError('connector_refused', `${path} is not a regular file`, { fix: 'Name a file.' })
}

/** As durable as what is written into it. */
async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made))
}

async function mend(handle: FileHandle, size: number, { length, unended }: WholeLength): Promise<void> {
  if (length < size) await handle.truncate(length)
  if (unended) await handle.write('\n', length)
  if (length < size || unended) await handle.sync()
}

function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}
