import { parseLossless } from '../../lossless-json.ts'
import { parseJsonPath } from '../json-path.ts'
import { recordsAt } from '../json-records.ts'
import { readBytes } from './file-bytes.ts'
import type { FileSourceConfig } from './file-config.ts'
import { invalidFile } from './file-error.ts'

/** The records of a JSON file, which is read as a whole. */
export async function* readJson(
  file: string,
  { maxBytes, records }: FileSourceConfig,
  signal: AbortSignal,
): AsyncGenerator<readonly unknown[]> {
  const text = (await readWhole(file, maxBytes, signal)).toString('utf8')
  if (text.trim() === '') throw invalidFile(file, undefined, 'it is empty, which is no JSON')
  yield recordsAt(parse(text, file), parseJsonPath(records), file)
}

async function readWhole(file: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of readBytes(file, signal)) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxBytes) {
      const fix = 'Raise file.maxBytes, or write one record a line (.jsonl), which is read in pieces.'
      throw invalidFile(file, undefined, `it has more than ${maxBytes} bytes and JSON is read as a whole`, fix)
    }
  }
  return Buffer.concat(chunks)
}

function parse(text: string, file: string): unknown {
  try {
    return parseLossless(text)
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const [, line] = /\(line (\d+)/.exec(message) ?? []
    const problem = message.includes('end of JSON input')
      ? 'it ends in the middle: is it still being written?'
      : message
    const fix = message.includes('after JSON') ? 'If each line is a record of its own, set format: jsonl.' : undefined
    throw invalidFile(file, line === undefined ? undefined : Number(line), `not JSON: ${problem}`, fix)
  }
}
