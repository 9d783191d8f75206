import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { HermesError, type Location } from '../errors.ts'
import { parseLossless } from '../lossless-json.ts'
import { durationMs } from '../manifest/duration.ts'
import type { Meta } from '../stream/batch.ts'
import type { WrittenMessage } from './workflow-test-spec.ts'

/** A message of a test: what goes in, or what has to come out. */
export interface TestMessage {
  readonly payload: Uint8Array
  /** Absent for a payload that is no JSON, or is not to be taken for it. */
  readonly json?: { readonly value: unknown }
  readonly meta: Meta
  /** Where it is written, `spec.cases[0].input[2]`. */
  readonly path: string
}

/** Time that passes. */
export interface Wait {
  readonly waitMs: number
}

/** Where messages are written. */
export interface Writing {
  /** Of the list, `spec.cases[0].input`. */
  readonly path: string
  /** The file of the test, absolute. */
  readonly file: string
  locate(path: string): Location
}

/** A file of messages may have so many bytes. */
const mostBytes = 100_000_000

/** The messages of a list, those of files read. Throws `invalid_value` with the place of a file that cannot be read. */
export async function inputOf(list: readonly unknown[], writing: Writing): Promise<readonly (TestMessage | Wait)[]> {
  const found: (TestMessage | Wait)[] = []
  for (const [index, item] of list.entries()) {
    const path = `${writing.path}[${index}]`
    const wait = isWritten(item) ? item.$wait : undefined
    if (wait === undefined) for (const each of await messagesAt(item, path, writing)) found.push(each)
    else found.push({ waitMs: durationMs(wait) })
  }
  return found
}

/** The same for what is expected, where no time passes. */
export async function messagesOf(list: readonly unknown[], writing: Writing): Promise<readonly TestMessage[]> {
  const found: TestMessage[] = []
  for (const [index, item] of list.entries()) {
    for (const each of await messagesAt(item, `${writing.path}[${index}]`, writing)) found.push(each)
  }
  return found
}

/** The payload of one that came out, with its value where it is JSON. */
export function readMessage(payload: Uint8Array, meta: Meta): Omit<TestMessage, 'path'> {
  try {
    return { payload, json: { value: parseLossless(payload) }, meta }
  } catch {
    return { payload, meta }
  }
}

/** A message as one would write it into a test. */
export function shownMessage({ payload, json }: Pick<TestMessage, 'payload' | 'json'>): unknown {
  if (json !== undefined) return json.value
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const text = bytes.toString('utf8')
  const isText = bytes.equals(Buffer.from(text)) && !/[^\P{Cc}\t\r\n]/u.test(text)
  return isText ? { $text: text } : { $base64: bytes.toString('base64') }
}

async function messagesAt(item: unknown, path: string, writing: Writing): Promise<readonly TestMessage[]> {
  if (!isWritten(item)) return [ofValue(item, {}, path)]
  const { $meta: meta = {}, $json, $text, $base64, $file } = item
  if ($file !== undefined) {
    const payloads = await payloadsOf($file, `${path}.$file`, writing)
    return payloads.map((payload) => ({ ...readMessage(payload, meta), path }))
  }
  if ($text !== undefined) return [{ payload: Buffer.from($text), meta, path }]
  if ($base64 !== undefined) return [{ payload: Buffer.from($base64, 'base64'), meta, path }]
  return [ofValue($json, meta, path)]
}

function ofValue(value: unknown, meta: Meta, path: string): TestMessage {
  return { payload: Buffer.from(JSON.stringify(value)), json: { value }, meta, path }
}

/** The schema has seen to it that nothing else has such names. */
function isWritten(item: unknown): item is WrittenMessage {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return false
  return Object.keys(item).some((name) => name.startsWith('$'))
}

async function payloadsOf(file: string, path: string, writing: Writing): Promise<readonly Uint8Array[]> {
  const bytes = await readBeside(file, path, writing)
  if (!/\.jsonl$/i.test(file)) return [bytes]
  const payloads: Uint8Array[] = []
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start)
    const next = newline < 0 ? bytes.length : newline
    const end = bytes[next - 1] === 0x0d && next > start ? next - 1 : next
    if (end > start) payloads.push(bytes.subarray(start, end))
    start = next + 1
  }
  return payloads
}

async function readBeside(file: string, path: string, writing: Writing): Promise<Buffer> {
  const from = resolve(dirname(writing.file), file)
  const fault = (reason: string): HermesError =>
    new HermesError('invalid_value', `${path}: ${file} ${reason}`, {
      at: writing.locate(path),
      fix: 'Name a file of messages, from the directory of the test.',
    })
  const found = await stat(from).catch(() => undefined)
  if (found?.isFile() !== true) throw fault(found === undefined ? 'does not exist' : 'is no file')
  if (found.size > mostBytes) throw fault(`has more than ${mostBytes / 1_000_000} MB`)
  return await readFile(from).catch((error: unknown) => {
    throw fault(`could not be read: ${error instanceof Error ? error.message : String(error)}`)
  })
}
