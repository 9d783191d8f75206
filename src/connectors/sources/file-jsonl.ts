import { parseLossless } from '../../lossless-json.ts'
import { readBytes } from './file-bytes.ts'
import type { FileSourceConfig } from './file-config.ts'
import { invalidFile } from './file-error.ts'

const NEWLINE = 0x0a

/** The values of a file with one JSON value a line, in portions as they are read; empty lines are skipped. */
export async function* readJsonl(
  file: string,
  { maxBytes }: FileSourceConfig,
  signal: AbortSignal,
): AsyncGenerator<readonly unknown[]> {
  let rest: Buffer = Buffer.alloc(0)
  let line = 0
  for await (const chunk of readBytes(file, signal)) {
    const values: unknown[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      line += 1
      parseLine(joined(rest, chunk.subarray(start, end)), file, line, values)
      rest = Buffer.alloc(0)
      start = end + 1
    }
    rest = joined(rest, chunk.subarray(start))
    if (rest.length > maxBytes) throw invalidFile(file, line + 1, `the line has more than ${maxBytes} bytes`)
    if (values.length > 0) yield values
  }
  const last: unknown[] = []
  parseLine(rest, file, line + 1, last, 'the last line has no end and is not JSON: is the file still being written?')
  if (last.length > 0) yield last
}

function joined(rest: Buffer, bytes: Buffer): Buffer {
  return rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
}

function parseLine(
  bytes: Buffer,
  file: string,
  line: number,
  values: unknown[],
  problem = 'the line is not JSON',
): void {
  const text = bytes.toString('utf8').trim()
  if (text === '') return
  try {
    values.push(parseLossless(text))
  } catch {
    throw invalidFile(file, line, `${problem}: ${JSON.stringify(text.slice(0, 80))}`)
  }
}
