import { extname } from 'node:path'
import { HermesError } from '../../errors.ts'
import type { Batch } from '../../stream/batch.ts'
import { valueBatch } from '../../stream/batches.ts'
import type { Connector } from '../../stream/connector.ts'
import type { Source } from '../../stream/source.ts'
import { type FileSourceConfig, fileSourceSchema } from './file-config.ts'
import { readCsv } from './file-csv.ts'
import { readJson } from './file-json.ts'
import { readJsonl } from './file-jsonl.ts'
import { listFiles } from './file-list.ts'

export const fileSource: Connector<Source, FileSourceConfig> = {
  type: 'file',
  summary: 'CSV, JSON or JSONL files.',
  config: fileSourceSchema,
  open: async (config) => new FileSource(config),
}

/** Behind so many records of a file; files with smaller names are done. */
interface FilePosition {
  readonly file: string
  readonly records: number
}

const BATCH = 1_000
const readers = { csv: readCsv, json: readJson, jsonl: readJsonl } as const
const extensions: Readonly<Record<string, keyof typeof readers>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.json': 'json',
  '.geojson': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
}

class FileSource implements Source {
  readonly #config: FileSourceConfig
  readonly #closed = new AbortController()

  constructor(config: FileSourceConfig) {
    this.#config = config
  }

  async *read(from: unknown, stop: AbortSignal, signal: AbortSignal): AsyncGenerator<Batch> {
    const until = AbortSignal.any([stop, signal, this.#closed.signal])
    try {
      for await (const batch of this.#batches(from as FilePosition | undefined, until)) {
        until.throwIfAborted()
        yield batch
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!until.aborted) throw error
    }
  }

  async ping(): Promise<void> {
    await listFiles(this.#config.path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
  }

  /** Batches of the same size over all files: many small files make few batches. */
  async *#batches(from: FilePosition | undefined, until: AbortSignal): AsyncGenerator<Batch> {
    let values: unknown[] = []
    let position: FilePosition | undefined
    for (const file of await listFiles(this.#config.path)) {
      if (from !== undefined && file < from.file) continue
      let records = 0
      for await (const portion of this.#read(file, until)) {
        const skipped = from?.file === file ? Math.max(0, from.records - records) : 0
        records += Math.min(skipped, portion.length)
        for (let start = skipped; start < portion.length; ) {
          const taken = portion.slice(start, start + BATCH - values.length)
          values = values.length === 0 ? taken : [...values, ...taken]
          start += taken.length
          records += taken.length
          position = { file, records }
          if (values.length < BATCH) continue
          yield valueBatch(values, position)
          values = []
        }
      }
    }
    if (values.length > 0) yield valueBatch(values, position)
  }

  #read(file: string, signal: AbortSignal): AsyncIterable<readonly unknown[]> {
    return readers[this.#config.format ?? formatOf(file)](file, this.#config, signal)
  }
}

function formatOf(file: string): keyof typeof readers {
  const format = extensions[extname(file.replace(/\.(gz|zst)$/, '')).toLowerCase()]
  if (format !== undefined) return format
  throw new HermesError('file_source_invalid', `${file}: its extension names no format`, {
    fix: 'Set file.format to csv, json or jsonl.',
  })
}
