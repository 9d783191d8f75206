import { HermesError } from '../../errors.ts'
import { AppendFile, type FileFormat } from './append-file.ts'

/** One file under one name, for others to follow while it grows. When somebody moves it away another is begun. */
export class SingleFile implements AsyncDisposable {
  readonly #path: string
  readonly #format: FileFormat
  #file: AppendFile | undefined

  constructor(path: string, format: FileFormat) {
    this.#path = path
    this.#format = format
  }

  /** Resolves when the bytes are on the disk. Throws `file_sink_failed`, or `connector_refused` for a file of other columns. */
  async append(bytes: readonly Buffer[]): Promise<void> {
    if (this.#file !== undefined && !(await this.#file.isInPlace())) await this[Symbol.asyncDispose]()
    this.#file ??= await this.#open()
    await this.#file.append(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.[Symbol.asyncDispose]()
  }

  async #open(): Promise<AppendFile> {
    const file = await AppendFile.open(this.#path, this.#format)
    if (await file.hasHeader()) return file
    await file[Symbol.asyncDispose]()
    throw new HermesError('connector_refused', `${this.#path} has other columns in its first line`, {
      fix: 'Name another file, or set csv.columns to what it has.',
    })
  }
}
