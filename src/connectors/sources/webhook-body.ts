import { HermesError } from '../../errors.ts'
import { parseLossless } from '../../lossless-json.ts'
import type { WebhookConfig } from './webhook-config.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Messages of one request at most: each costs more than its bytes. */
const MOST_MESSAGES = 10_000

/** The messages in a body, each as the bytes it came in where that can be. Throws `request_invalid`. */
export function messagesIn(body: Uint8Array, { body: format, elements }: WebhookConfig): readonly Uint8Array[] {
  if (format === 'raw') return [body]
  const messages = format === 'ndjson' ? linesOf(body) : valuesOf(body, elements)
  if (messages.length > MOST_MESSAGES) {
    throw new HermesError('request_invalid', `the body holds more than ${MOST_MESSAGES} messages`)
  }
  return messages
}

function valuesOf(body: Uint8Array, elements: boolean): readonly Uint8Array[] {
  const value = parsed(body, 'the body')
  if (!elements || !Array.isArray(value)) return [body]
  return value.slice(0, MOST_MESSAGES + 1).map((each) => encoder.encode(JSON.stringify(each)))
}

function linesOf(body: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0, number = 1; start < body.length && lines.length <= MOST_MESSAGES; number += 1) {
    const found = body.indexOf(10, start)
    const end = found < 0 ? body.length : found
    const line = body.subarray(start, end)
    if (!isBlank(line)) {
      parsed(line, `line ${number}`)
      lines.push(line)
    }
    start = end + 1
  }
  return lines
}

/** Spaces, tabs and carriage returns only. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13)
}

function parsed(bytes: Uint8Array, what: string): unknown {
  try {
    return parseLossless(decoder.decode(bytes))
  } catch (error) {
    throw new HermesError('request_invalid', `${what} is not JSON`, { cause: error })
  }
}
